//! Records as the columns of a Parquet file, and back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

use crate::{Message, Position, Record};

/// The columns. A reader may rely on their names and types; key and value are the bytes as they were received.
const SCHEMA: &str = "message record {
    required int32 partition;
    required int64 offset;
    required int64 timestamp (TIMESTAMP(MILLIS,true));
    required binary key;
    required binary value;
    required group headers (LIST) {
        repeated group list {
            required group element {
                required binary name (STRING);
                required binary value;
            }
        }
    }
}";

/// Zstandard's level: beyond it, time grows faster than files shrink.
const ZSTD_LEVEL: i32 = 3;

fn schema() -> Result<TypePtr> {
    Ok(Arc::new(parse_message_type(SCHEMA)?))
}

/// Equal records give equal bytes, so that a file's name can be made of its content.
fn properties() -> Result<WriterPropertiesPtr> {
    let column = |name: &str| ColumnPath::from(name);
    let properties = WriterProperties::builder()
        .set_created_by("trombe".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_column_dictionary_enabled(column("offset"), false)
        .set_column_dictionary_enabled(column("key"), false)
        .set_column_dictionary_enabled(column("value"), false);
    Ok(Arc::new(properties.build()))
}

/// The records of one partition as a Parquet file.
pub(super) fn encode(records: &[&Record]) -> Result<Bytes> {
    let mut file = SerializedFileWriter::new(Vec::new(), schema()?, properties()?)?;
    let mut group = file.next_row_group()?;
    let partitions: Vec<i32> = records.iter().map(|r| signed(r.position.partition)).collect::<Result<_>>()?;
    let offsets: Vec<i64> = records.iter().map(|r| signed(r.position.offset)).collect::<Result<_>>()?;
    let timestamps: Vec<i64> = records.iter().map(|r| r.message.timestamp_ms).collect();
    let keys: Vec<ByteArray> = records.iter().map(|r| r.message.key.clone().into()).collect();
    let values: Vec<ByteArray> = records.iter().map(|r| r.message.value.clone().into()).collect();
    put::<Int32Type>(&mut group, &partitions, None)?;
    put::<Int64Type>(&mut group, &offsets, None)?;
    put::<Int64Type>(&mut group, &timestamps, None)?;
    put::<ByteArrayType>(&mut group, &keys, None)?;
    put::<ByteArrayType>(&mut group, &values, None)?;

    let levels = Levels::of(records);
    let headers = || records.iter().flat_map(|record| &record.message.headers);
    let names: Vec<ByteArray> = headers().map(|(name, _)| name.as_str().into()).collect();
    let values: Vec<ByteArray> = headers().map(|(_, value)| value.clone().into()).collect();
    put::<ByteArrayType>(&mut group, &names, Some(&levels))?;
    put::<ByteArrayType>(&mut group, &values, Some(&levels))?;
    group.close()?;
    Ok(file.into_inner()?.into())
}

fn signed<N: TryInto<M>, M>(number: N) -> Result<M> {
    number.try_into().map_err(|_| ParquetError::General("a number is too large for its column".to_owned()))
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    levels: Option<&Levels>,
) -> Result<()> {
    let missing = || ParquetError::General("the schema has fewer columns than are written".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    let (definition, repetition) =
        levels.map_or((None, None), |l| (Some(&l.definition[..]), Some(&l.repetition[..])));
    column.typed::<T>().write_batch(values, definition, repetition)?;
    column.close()
}

/// Parquet's levels of the headers: which entries are there (definition 1), and which begin a record (repetition 0).
#[derive(Default)]
struct Levels {
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl Levels {
    fn of(records: &[&Record]) -> Self {
        let mut levels = Self::default();
        for record in records {
            let count = record.message.headers.len();
            for at in 0..count.max(1) {
                levels.definition.push(i16::from(count > 0));
                levels.repetition.push(i16::from(at > 0));
            }
        }
        levels
    }

    /// The number of headers of each record.
    fn counts(&self) -> Vec<usize> {
        let mut counts = Vec::new();
        for (definition, repetition) in self.definition.iter().zip(&self.repetition) {
            let is_there = usize::from(*definition > 0);
            match counts.last_mut() {
                Some(count) if *repetition > 0 => *count += is_there,
                _ => counts.push(is_there),
            }
        }
        counts
    }
}

/// The records of a Parquet file that [`encode`] has made of this topic.
///
/// The library panics at some files that are none; whoever can write such a file and its commit must not end the program.
pub(super) fn decode(topic: &str, bytes: Bytes) -> Result<Vec<Record>> {
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_file(topic, bytes)));
    decoded.unwrap_or_else(|_| Err(ParquetError::General("it contradicts itself".to_owned())))
}

fn decode_file(topic: &str, bytes: Bytes) -> Result<Vec<Record>> {
    let file = SerializedFileReader::new(bytes)?;
    if file.metadata().file_metadata().schema() != schema()?.as_ref() {
        return Err(ParquetError::General("it has other columns".to_owned()));
    }
    let mut records = Vec::new();
    for number in 0..file.num_row_groups() {
        decode_group(topic, file.get_row_group(number)?.as_ref(), &mut records)?;
    }
    Ok(records)
}

fn decode_group(topic: &str, group: &dyn RowGroupReader, records: &mut Vec<Record>) -> Result<()> {
    let count: usize = signed(group.metadata().num_rows())?;
    let (partitions, _) = take::<Int32Type>(group.get_column_reader(0)?, count)?;
    let (offsets, _) = take::<Int64Type>(group.get_column_reader(1)?, count)?;
    let (timestamps, _) = take::<Int64Type>(group.get_column_reader(2)?, count)?;
    let (keys, _) = take::<ByteArrayType>(group.get_column_reader(3)?, count)?;
    let (values, _) = take::<ByteArrayType>(group.get_column_reader(4)?, count)?;
    let (header_names, levels) = take::<ByteArrayType>(group.get_column_reader(5)?, count)?;
    let (header_values, _) = take::<ByteArrayType>(group.get_column_reader(6)?, count)?;
    let counts = levels.counts();
    let columns = [partitions.len(), offsets.len(), timestamps.len(), keys.len(), values.len(), counts.len()];
    let entries = [header_names.len(), header_values.len()];
    if columns != [count; 6] || entries != [counts.iter().sum::<usize>(); 2] {
        return Err(ParquetError::General("its columns differ in length".to_owned()));
    }
    let mut headers = header_names.iter().zip(&header_values);
    for (at, &header_count) in counts.iter().enumerate() {
        let mut own = Vec::with_capacity(header_count);
        for (name, value) in headers.by_ref().take(header_count) {
            own.push((name.as_utf8()?.to_owned(), Bytes::copy_from_slice(value.data())));
        }
        let position = Position {
            topic: topic.to_owned(),
            partition: signed(partitions[at])?,
            offset: signed(offsets[at])?,
        };
        // Copies: a slice would keep its whole page in memory.
        let message = Message {
            key: Bytes::copy_from_slice(keys[at].data()),
            value: Bytes::copy_from_slice(values[at].data()),
            timestamp_ms: timestamps[at],
            headers: own,
        };
        records.push(Record { position, message });
    }
    Ok(())
}

fn take<T: DataType>(column: ColumnReader, count: usize) -> Result<(Vec<T::T>, Levels)> {
    let mut column: ColumnReaderImpl<T> = get_typed_column_reader(column);
    let (mut values, mut levels) = (Vec::new(), Levels::default());
    let (definition, repetition) = (Some(&mut levels.definition), Some(&mut levels.repetition));
    column.read_records(count, definition, repetition, &mut values)?;
    Ok((values, levels))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        let headers = prop::collection::vec(("[a-zé]{0,6}", bytes()), 0..4);
        (bytes(), bytes(), any::<i64>(), headers).prop_map(|(key, value, timestamp_ms, headers)| Message {
            key,
            value,
            timestamp_ms,
            headers,
        })
    }

    fn records(messages: Vec<Message>) -> Vec<Record> {
        let record = |(offset, message)| {
            let position = Position { topic: "t".to_owned(), partition: 4, offset };
            Record { position, message }
        };
        (7..).zip(messages).map(record).collect()
    }

    fn again(records: &[Record]) -> Vec<Record> {
        decode("t", encode(&records.iter().collect::<Vec<_>>()).unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn records_are_read_back_as_they_were(messages in prop::collection::vec(message(), 0..50)) {
            let records = records(messages);
            prop_assert_eq!(again(&records), records);
        }
    }

    #[test]
    fn many_records_and_large_values_are_read_back() {
        let message = |n: u32| Message {
            key: n.to_string().into(),
            headers: vec![("source".to_owned(), "sample".into()); (n % 3) as usize],
            ..Message::default()
        };
        let mut messages: Vec<Message> = (0..30_000).map(message).collect();
        messages[77].value = vec![0xa5; 9 << 20].into();
        messages[78].value = vec![0; 3 << 20].into();
        let records = records(messages);
        assert!(again(&records) == records);
    }

    #[test]
    fn equal_records_are_equal_bytes() {
        let records = records(vec![Message { value: "63,021.44".into(), ..Message::default() }; 3]);
        let records: Vec<_> = records.iter().collect();
        assert_eq!(encode(&records).unwrap(), encode(&records).unwrap());
    }

    #[test]
    fn a_file_with_a_changed_byte_is_an_error_or_records_and_no_panic() {
        let records = records(vec![Message { key: "k".into(), ..Message::default() }; 3]);
        let whole = encode(&records.iter().collect::<Vec<_>>()).unwrap();
        for at in 0..whole.len() {
            for change in [0x01, 0x40, 0xff] {
                let mut file = whole.to_vec();
                file[at] ^= change;
                decode("t", file.into()).ok();
            }
        }
    }

    #[test]
    fn what_is_no_such_file_is_an_error() {
        let records = records(vec![Message::default(); 3]);
        let whole = encode(&records.iter().collect::<Vec<_>>()).unwrap();
        for length in [0, 3, whole.len() / 2, whole.len() - 1] {
            assert!(decode("t", whole.slice(..length)).is_err(), "cut to {length} bytes");
        }
        let schema = Arc::new(parse_message_type("message other { required int32 partition; }").unwrap());
        let file = SerializedFileWriter::new(Vec::new(), schema, properties().unwrap()).unwrap();
        let error = decode("t", file.into_inner().unwrap().into()).unwrap_err().to_string();
        assert!(error.contains("other columns"), "{error}");
    }
}

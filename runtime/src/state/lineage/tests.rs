use proptest::prelude::*;

use super::page::write_row;
use super::*;
use crate::MemoryStore;
use crate::flow::lineage::ROOT;

const NO_FLOOR: fn(usize, u32) -> u64 = |_, _| 0;

fn load(store: &MemoryStore, groups: Range<u16>) -> Lineage {
    let components = ["other", "words"].map(str::to_owned);
    Lineage::load(store, "t/count", components.to_vec(), groups).unwrap()
}

fn has(lineage: &mut Lineage, group: u16, origin: &Origin) -> bool {
    lineage.slot(group, origin, NO_FLOOR).is_none()
}

fn insert(lineage: &mut Lineage, group: u16, origin: &Origin) {
    if let Some(slot) = lineage.slot(group, origin, NO_FLOOR) {
        slot.fill();
    }
}

fn origin(partition: u32, offset: u64, path: Path) -> Origin {
    Origin { source: 1, position: Position { partition, offset }, path }
}

#[test]
fn what_had_its_effect_is_known_wherever_its_key_group_goes() {
    let store = MemoryStore::new();
    let mut all = load(&store, 0..64);
    let tuples = [
        (0, origin(0, 5, ROOT)),
        (31, origin(0, 5, 77)),
        (32, origin(9, 4096, ROOT)),
        (63, origin(9, u64::MAX, ROOT)),
    ];
    for (group, origin) in &tuples {
        insert(&mut all, *group, origin);
    }
    store.apply(&all.take_changes(NO_FLOOR)).unwrap();
    let (mut lower, mut upper) = (load(&store, 0..32), load(&store, 32..64));
    for (group, origin) in &tuples {
        let owner = if *group < 32 { &mut lower } else { &mut upper };
        assert!(has(owner, *group, origin), "{origin:?}");
    }
    assert!(!has(&mut lower, 0, &origin(0, 5, 77)), "the same root by another way");
    assert!(!has(&mut lower, 0, &Origin { source: 0, ..origin(0, 5, ROOT) }), "another source");
}

#[test]
fn what_has_changed_is_written_once_and_what_is_below_the_floor_goes() {
    let store = MemoryStore::new();
    let mut lineage = load(&store, 0..64);
    for offset in [1, 4095, 4096, 9000] {
        insert(&mut lineage, 7, &origin(0, offset, ROOT));
    }
    assert_eq!(lineage.take_changes(NO_FLOOR).len(), 3);
    assert_eq!(lineage.take_changes(NO_FLOOR), []);
    insert(&mut lineage, 7, &origin(0, 9001, ROOT));
    insert(&mut lineage, 7, &origin(0, 9001, ROOT));
    let changes = lineage.take_changes(NO_FLOOR);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].value.as_deref(), Some([0, 0x28, 0x03, 0x29, 0x03].as_slice()));

    insert(&mut lineage, 7, &origin(0, 2, ROOT));
    let changes = lineage.take_changes(|_, _| 8192);
    let gone = changes.iter().filter(|change| change.value.is_none()).count();
    assert_eq!((gone, changes.len()), (2, 3), "each page goes once, whether or not it has just changed");
}

#[test]
fn rows_stay_small_however_many_descendants_a_tuple_has() {
    let store = MemoryStore::new();
    let mut lineage = load(&store, 0..64);
    let path = |nth: u64| nth * 2;
    for nth in 0..10_000 {
        insert(&mut lineage, 7, &origin(0, 5, path(nth)));
    }
    let changes = lineage.take_changes(NO_FLOOR);
    let sizes: Vec<usize> = changes.iter().map(|change| change.value.as_ref().unwrap().len()).collect();
    assert_eq!(sizes, [40_961, 40_961, 18_081]);
    store.apply(&changes).unwrap();

    insert(&mut lineage, 7, &origin(0, 5, path(9_999) + 1));
    assert_eq!(lineage.take_changes(NO_FLOOR).len(), 1, "what has not changed is not written again");
    insert(&mut lineage, 7, &origin(0, 5, path(5_000) + 1));
    store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();

    let mut later = load(&store, 0..64);
    assert!((0..10_000).all(|nth| has(&mut later, 7, &origin(0, 5, path(nth)))));
    assert!(has(&mut later, 7, &origin(0, 5, path(5_000) + 1)));
    assert!(!has(&mut later, 7, &origin(0, 5, path(5_001) + 1)));
    store.apply(&later.take_changes(|_, _| 4096)).unwrap();
    let mut left = 0;
    store.scan("t/count#lineage", &[], &mut |_, _| left += 1).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn an_echo_from_below_the_floor_is_known_although_it_is_forgotten() {
    let store = MemoryStore::new();
    let mut lineage = load(&store, 0..64);
    insert(&mut lineage, 7, &origin(0, 5, ROOT));
    lineage.take_changes(|_, _| 8192);
    assert!(has(&mut lineage, 7, &origin(0, 5, ROOT)));
    assert!(!has(&mut lineage, 7, &origin(0, 8192, ROOT)));
    assert!(
        lineage.slot(7, &origin(1, 5, ROOT), |_, _| 6).is_none(),
        "of a partition that was not seen before"
    );
}

#[test]
fn what_is_forgotten_is_not_new_to_a_later_process_whose_source_was_set_back() {
    let store = MemoryStore::new();
    let mut lineage = load(&store, 0..64);
    for offset in [5, 9000] {
        insert(&mut lineage, 40, &origin(0, offset, ROOT));
        store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
    }
    store.apply(&lineage.take_changes(|_, _| 8192)).unwrap();
    for groups in [0..64, 32..64, 40..41] {
        let mut later = load(&store, groups);
        assert!([5, 6, 8191, 9000].iter().all(|offset| has(&mut later, 40, &origin(0, *offset, ROOT))));
        assert!(![origin(0, 8192, ROOT), origin(1, 5, ROOT)].iter().any(|new| has(&mut later, 40, new)));
    }
}

#[test]
fn a_row_of_something_else_is_an_error_that_says_what_to_do() {
    let row = |number, row| write_key(PageId { source: 0, partition: 0, group: 1, number }, row, "words");
    let page = |number| row(number, 0);
    let value = |tuples: &[(u16, Path)]| {
        let (places, paths): (Vec<_>, Vec<_>) = tuples.iter().copied().unzip();
        write_row(&places, &paths)
    };
    let good = value(&[(1, 5), (1, 6), (2, ROOT), (4095, ROOT)]);
    let rows = [
        ("no length of paths", page(0), Vec::new()),
        ("another length of paths", page(0), vec![1]),
        ("no tuple", page(0), vec![0]),
        ("no tuple with a path", page(0), vec![8]),
        ("half a place", page(0), vec![0, 1]),
        ("half a path", page(0), good[..good.len() - 1].to_vec()),
        ("a place of the next page", page(0), vec![0, 0, 0x10]),
        ("places out of order", page(0), vec![0, 2, 0, 1, 0]),
        ("a place twice", page(0), vec![0, 1, 0, 1, 0]),
        ("paths out of order", page(0), value(&[(1, 8), (1, 7)])),
        ("a path twice", page(0), value(&[(1, 7), (1, 7)])),
        ("a page above all offsets", page(1 << 52), good.clone()),
        ("a second row without the first", row(0, 1), good.clone()),
        ("half a key", page(0)[..13].to_vec(), good.clone()),
        ("a source that is no text", [&page(0)[..], &[0xff]].concat(), good.clone()),
    ];
    let (floor_key, floor) = (write_floor_key(0, 0, "words"), vec![0; 8]);
    let floors = [
        ("half a floor", floor_key.clone(), floor[..7].to_vec()),
        ("half a floor's key", floor_key[..5].to_vec(), floor.clone()),
        ("a floor's source that is no text", [&floor_key[..], &[0xff]].concat(), floor.clone()),
    ];
    let load = |namespace: &str, key, value| {
        let (store, namespace) = (MemoryStore::new(), namespace.to_owned());
        store.apply(&[StateChange { namespace, key, value: Some(value), expires_ms: None }]).unwrap();
        Lineage::load(&store, "t/count", vec!["words".to_owned()], 0..64)
    };
    let (pages_in, floors_in) = ("t/count#lineage", "t/count#floors");
    let rows = rows.map(|row| (pages_in, row)).into_iter().chain(floors.map(|row| (floors_in, row)));
    for (namespace, (name, key, value)) in rows {
        let error = load(namespace, key, value).expect_err(name).to_string();
        assert!(error.starts_with(&format!("state of `{namespace}`: ")), "{name}: {error}");
        assert!(error.ends_with("remove it, or begin with an empty store"), "{name}: {error}");
    }
    load(floors_in, floor_key, floor).unwrap();
    load(pages_in, page(0), good).unwrap();
}

proptest! {
    #[test]
    fn it_knows_what_was_inserted_and_nothing_else_also_after_a_restart(
        inserted in prop::collection::btree_set((0..64_u16, 0..3_u32, 0..20_000_u64, 0..3_u64), 0..200),
        asked in prop::collection::vec((0..64_u16, 0..3_u32, 0..20_000_u64, 0..3_u64), 0..200),
    ) {
        let store = MemoryStore::new();
        let mut lineage = load(&store, 0..64);
        for (nth, (group, partition, offset, path)) in inserted.iter().enumerate() {
            insert(&mut lineage, *group, &origin(*partition, *offset, *path));
            if nth % 50 == 0 {
                store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
            }
        }
        store.apply(&lineage.take_changes(NO_FLOOR)).unwrap();
        let mut restarted = load(&store, 0..64);
        for tuple in inserted.iter().chain(&asked) {
            let (group, partition, offset, path) = *tuple;
            let origin = origin(partition, offset, path);
            prop_assert_eq!(has(&mut lineage, group, &origin), inserted.contains(tuple));
            prop_assert_eq!(has(&mut restarted, group, &origin), inserted.contains(tuple));
        }
    }
}

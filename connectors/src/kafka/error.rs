//! What Kafka answers, in the words of the log.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::LogError;

/// Tells of an error, which `doing` led to.
pub(super) fn log_error(doing: &str, error: &KafkaError) -> LogError {
    match code(error) {
        Some(code) => of_code(doing, code),
        None => LogError::Refused(format!("{doing}: {}", describe(error))),
    }
}

pub(super) fn of_code(doing: &str, code: Code) -> LogError {
    let reason = format!("{doing}: {code}");
    if is_permanent(code) { LogError::Refused(reason) } else { LogError::Unavailable(reason) }
}

pub(super) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        KafkaError::Canceled => Some(Code::DestroyBroker),
        other => other.rdkafka_error_code(),
    }
}

/// Whether the answer says that there is no such topic or partition.
pub(super) fn is_missing_topic(code: Code) -> bool {
    matches!(code, Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition)
}

/// Whether only a person can mend it: trying again would hide it for ever.
fn is_permanent(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::SSL
            | Code::Authentication
            | Code::UnsupportedFeature
            | Code::NotImplemented
            | Code::ReadOnly
            | Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::OffsetMetadataTooLarge
            | Code::InvalidTopic
            | Code::InvalidRequiredAcks
            | Code::InconsistentGroupProtocol
            | Code::InvalidGroupId
            | Code::InvalidSessionTimeout
            | Code::InvalidCommitOffsetSize
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTimestamp
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::UnsupportedVersion
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidReplicaAssignment
            | Code::InvalidConfig
            | Code::InvalidRequest
            | Code::UnsupportedForMessageFormat
            | Code::PolicyViolation
            | Code::TransactionalIdAuthorizationFailed
            | Code::SecurityDisabled
            | Code::SaslAuthenticationFailed
            | Code::GroupMaxSizeReached
            | Code::UnsupportedCompressionType
            | Code::InvalidRecord
    )
}

/// The library's words without the value of a setting, which may be a secret.
fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, reason, key, value) => {
            let reason = if value.is_empty() { reason.clone() } else { reason.replace(value, "***") };
            format!("setting `{key}`: {reason}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_between_trying_again_and_giving_up() {
        for code in [Code::MessageTimedOut, Code::AllBrokersDown, Code::NotEnoughReplicas, Code::QueueFull] {
            assert!(of_code("append", code).is_transient(), "{code}");
        }
        for code in [Code::SaslAuthenticationFailed, Code::TopicAuthorizationFailed, Code::InvalidConfig] {
            assert!(!of_code("append", code).is_transient(), "{code}");
        }
    }

    #[test]
    fn a_settings_value_is_not_told() {
        let mut config = rdkafka::ClientConfig::new();
        config.set("security.protocol", "hunter2");
        let error = config.create_native_config().err().unwrap();
        let told = log_error("connect", &error).to_string();
        assert!(told.contains("security.protocol") && !told.contains("hunter2"), "{told}");
    }
}

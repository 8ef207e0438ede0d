//! The project's own list.

use std::sync::LazyLock;

use serde::Deserialize;

use super::PoolList;
use super::list::Facts;
use crate::limits::Limits;

static LIST: LazyLock<PoolList> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct File {
        pool: Vec<Facts>,
    }
    let file: File = toml::from_str(include_str!("../../pools.toml")).expect("the tests read pools.toml too");
    PoolList::from_facts(file.pool, &Limits::DEFAULT).expect("the tests read pools.toml too")
});

/// `pools.toml`, read at the first use.
pub(super) fn list() -> PoolList {
    LIST.clone()
}

//! What is asked of Cloudflare once, without a way back: a record set or removed, a cache purged or
//! warmed, a value written. Plain data.

use serde::{Deserialize, Serialize};

/// Something to be done once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "task")]
pub enum CloudflareTask {
    /// A name is to lead somewhere: its record of that type gets this content, and keeps all else.
    DnsSet {
        /// The whole name.
        name: String,
        /// The type.
        kind: String,
        /// Where it is to lead.
        content: String,
        /// Make the record where there is none.
        #[serde(default)]
        create: bool,
        /// Seconds of a record that is made; `None` for automatic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<u64>,
        /// Whether clients go through Cloudflare, of a record that is made.
        #[serde(default)]
        proxied: bool,
    },
    /// A record goes, if it is ours.
    DnsDelete {
        /// The whole name.
        name: String,
        /// The type.
        kind: String,
        /// Only with this content.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<String>,
    },
    /// Something is removed from the cache.
    Purge(PurgeWhat),
    /// A value is written to Workers KV.
    KvPut {
        /// The namespace's title, or its id.
        namespace: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Seconds until it ends; `None` for never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<u64>,
    },
    /// A key is removed from Workers KV.
    KvDelete {
        /// The namespace's title, or its id.
        namespace: String,
        /// The key.
        key: String,
    },
    /// Pages are fetched, so that they are in the cache.
    Warm {
        /// Their URLs.
        urls: Vec<String>,
    },
}

/// A call of the module `cf` in rules, as far as it is written out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CloudflareCall {
    /// The function's name.
    pub function: String,
    /// The zone or record's name that it is about; `None` where that comes from elsewhere.
    pub about: Option<String>,
}

/// What is removed from a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PurgeWhat {
    /// Everything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub everything: bool,
    /// URLs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Cache tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Beginnings of URLs, without the scheme.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
}

impl PurgeWhat {
    /// How many things it names.
    pub const fn len(&self) -> usize {
        self.files.len() + self.tags.len() + self.hosts.len() + self.prefixes.len()
    }

    /// Whether it names nothing.
    pub const fn is_empty(&self) -> bool {
        !self.everything && self.len() == 0
    }

    /// Takes up what another one names, each once.
    pub fn merge(&mut self, other: &Self) {
        self.everything |= other.everything;
        let pairs = [
            (&mut self.files, &other.files),
            (&mut self.tags, &other.tags),
            (&mut self.hosts, &other.hosts),
            (&mut self.prefixes, &other.prefixes),
        ];
        for (ours, theirs) in pairs {
            for item in theirs {
                if !ours.contains(item) {
                    ours.push(item.clone());
                }
            }
        }
    }
}

impl CloudflareTask {
    /// Its name in rules, tests and the journal.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DnsSet { .. } => "dns_set",
            Self::DnsDelete { .. } => "dns_delete",
            Self::Purge(_) => "purge",
            Self::KvPut { .. } => "kv_put",
            Self::KvDelete { .. } => "kv_delete",
            Self::Warm { .. } => "warm",
        }
    }

    /// In words for people.
    pub fn words(&self) -> String {
        match self {
            Self::DnsSet { name, kind, content, .. } => {
                format!("set {kind} `{name}` to `{content}`")
            }
            Self::DnsDelete { name, kind, content: None } => format!("remove {kind} `{name}`"),
            Self::DnsDelete { name, kind, content: Some(content) } => {
                format!("remove {kind} `{name}` with `{content}`")
            }
            Self::Purge(what) if what.everything => "purge everything".to_owned(),
            Self::Purge(what) => {
                format!("purge {}", crate::event::text::count(what.len(), "thing"))
            }
            Self::KvPut { namespace, key, .. } => format!("write `{key}` to `{namespace}`"),
            Self::KvDelete { namespace, key } => format!("remove `{key}` from `{namespace}`"),
            Self::Warm { urls } => {
                format!("warm {}", crate::event::text::count(urls.len(), "page"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_survives_the_journal() {
        let what = PurgeWhat { tags: vec!["a".into()], ..PurgeWhat::default() };
        for task in [
            CloudflareTask::Purge(what),
            CloudflareTask::Warm { urls: vec!["https://example.com/".into()] },
            CloudflareTask::DnsDelete { name: "a".into(), kind: "A".into(), content: None },
            CloudflareTask::KvPut {
                namespace: "n".into(),
                key: "k".into(),
                value: "v".into(),
                ttl: Some(60),
            },
        ] {
            let text = serde_json::to_string(&task).unwrap();
            assert_eq!(serde_json::from_str::<CloudflareTask>(&text).unwrap(), task, "{text}");
        }
    }

    #[test]
    fn purges_are_merged_without_doubles() {
        let of = |files: &[&str]| PurgeWhat {
            files: files.iter().map(|&file| file.to_owned()).collect(),
            ..PurgeWhat::default()
        };
        let mut all = of(&["a", "b"]);
        all.merge(&of(&["b", "c"]));
        assert_eq!(all, of(&["a", "b", "c"]));
        assert!(PurgeWhat::default().is_empty() && !all.is_empty());
    }
}

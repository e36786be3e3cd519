//! Which container wrote a log: by Docker's own files beside it, or by the path that Kubernetes gives it.
//!
//! In: the paths of a source and its streams. Out: fields of each stream (`container`, `image`, `pod`,
//! …). What was found is kept (`containers-NAME.json`), so that a stream has the same fields after a
//! restart, when its container may be gone.

use super::identity::{StreamId, path_fingerprint};
use super::marks::file_name;
use super::spool::private;
use super::supervise::lock;
use crate::limits;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Whose containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Docker's, with its driver `json-file`.
    Docker,
    /// Kubernetes' pods.
    Kubernetes,
}

impl Runtime {
    /// Where it keeps its logs, unless it was told otherwise.
    pub fn usual_paths(self) -> Vec<String> {
        vec![match self {
            Self::Docker => "/var/lib/docker/containers/*/*-json.log".to_owned(),
            Self::Kubernetes => "/var/log/pods/*/*/*.log".to_owned(),
        }]
    }

    /// The fields that its containers' lines have beside their own, without labels.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Docker => &["container", "container_id", "image", "stream"],
            Self::Kubernetes => &["namespace", "pod", "pod_uid", "container", "stream"],
        }
    }
}

/// The field that holds a label: `label_com_docker_compose_service`.
pub fn label_field(label: &str) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' }
    };
    let name: String = label.chars().map(plain).collect();
    format!("label_{name}")
}

/// What is known of a log's container.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Known {
    path: PathBuf,
    fields: BTreeMap<String, String>,
}

/// The containers of one source.
#[derive(Debug)]
pub struct Containers {
    runtime: Runtime,
    paths: Vec<String>,
    labels: Vec<String>,
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By the path's fingerprint.
    known: BTreeMap<u64, Known>,
    /// When the folders were looked through in vain.
    looked: Option<Instant>,
}

impl Containers {
    /// The containers whose logs lie at `paths`, with what is known of them.
    pub fn open(
        runtime: Runtime,
        source: &str,
        paths: Vec<String>,
        labels: Vec<String>,
        state_dir: &Path,
    ) -> Self {
        let file = state_dir.join(format!("containers-{}.json", file_name(source)));
        let known = std::fs::read(&file).ok();
        let known = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { runtime, paths, labels, file, state: Mutex::new(State { known, looked: None }) }
    }

    /// The fields of a stream.
    pub fn fields_of(&self, stream: &str) -> BTreeMap<String, String> {
        let Some(print) = StreamId::parse(stream).map(|id| id.path) else {
            return BTreeMap::new();
        };
        let mut state = lock(&self.state);
        if let Some(known) = state.known.get(&print) {
            return known.fields.clone();
        }
        let pause = Duration::from_millis(limits::CONTAINERS_LOOK_MILLIS);
        if state.looked.is_some_and(|at| at.elapsed() < pause) {
            return BTreeMap::new();
        }
        let before = state.known.len();
        for path in self.paths.iter().flat_map(|pattern| glob::glob(pattern)).flatten().flatten() {
            let of_path = path_fingerprint(&path);
            if !state.known.contains_key(&of_path)
                && let Some(fields) = self.look(&path)
            {
                state.known.insert(of_path, Known { path, fields });
            }
        }
        if state.known.len() > before {
            if state.known.len() > limits::STREAMS_KEPT_MAX {
                state.known.retain(|_, known| known.path.exists());
            }
            if let Err(error) = self.save(&state.known) {
                tracing::warn!(%error, "failed to keep what is known of containers");
            }
        }
        let found = state.known.get(&print).map(|known| known.fields.clone());
        state.looked = found.is_none().then(Instant::now);
        found.unwrap_or_default()
    }

    fn save(&self, known: &BTreeMap<u64, Known>) -> std::io::Result<()> {
        let part = self.file.with_extension("part");
        private(&part)?.write_all(&serde_json::to_vec(known)?)?;
        std::fs::rename(part, &self.file)
    }

    fn look(&self, path: &Path) -> Option<BTreeMap<String, String>> {
        match self.runtime {
            Runtime::Docker => docker(path, &self.labels),
            Runtime::Kubernetes => kubernetes(path),
        }
    }
}

/// By `config.v2.json`, which Docker writes before the container starts.
fn docker(log: &Path, labels: &[String]) -> Option<BTreeMap<String, String>> {
    let file = std::fs::File::open(log.parent()?.join("config.v2.json")).ok()?;
    let mut text = Vec::new();
    file.take(limits::CONTAINER_CONFIG_BYTES_MAX).read_to_end(&mut text).ok()?;
    let config: Json = serde_json::from_slice(&text).ok()?;
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let cut = value.floor_char_boundary(limits::CONTAINER_FIELD_BYTES_MAX);
            fields.insert(name.to_owned(), value.get(..cut).unwrap_or_default().to_owned());
        }
    };
    let name = config.get("Name").and_then(Json::as_str);
    put("container", name.map(|name| name.strip_prefix('/').unwrap_or(name)));
    // As `docker ps` shows it.
    put("container_id", config.get("ID").and_then(Json::as_str).and_then(|id| id.get(..12)));
    let inner = config.get("Config");
    put("image", inner.and_then(|inner| inner.get("Image")).and_then(Json::as_str));
    let of_label = |label: &String| inner?.get("Labels")?.get(label)?.as_str();
    for label in labels {
        put(&label_field(label), of_label(label));
    }
    Some(fields)
}

/// `/var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log`
fn kubernetes(log: &Path) -> Option<BTreeMap<String, String>> {
    let folder = log.parent()?;
    let container = folder.file_name()?.to_str()?;
    let mut names = folder.parent()?.file_name()?.to_str()?.splitn(3, '_');
    let (namespace, pod, uid) = (names.next()?, names.next()?, names.next()?);
    let fields =
        [("namespace", namespace), ("pod", pod), ("pod_uid", uid), ("container", container)];
    Some(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"ID":"0123456789abcdef0123","Name":"/web","Config":{"Image":"nginx:1.27","Labels":{"com.docker.compose.service":"front","other":7}}}"#;

    fn stream(path: &Path) -> String {
        let print = path_fingerprint(path);
        StreamId { path: print, birth: 1, inode: 2, head_len: 3, head: 4 }.to_string()
    }

    #[test]
    fn a_stream_keeps_its_container_when_that_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("0123");
        std::fs::create_dir(&folder).unwrap();
        let log = folder.join("0123-json.log");
        std::fs::write(&log, "").unwrap();
        let open = || {
            let labels = vec!["com.docker.compose.service".to_owned(), "other".to_owned()];
            let paths = vec![format!("{}/*/*-json.log", root.path().display())];
            Containers::open(Runtime::Docker, "docker", paths, labels, root.path())
        };
        // What Docker has not written yet is looked for again.
        assert_eq!(open().fields_of(&stream(&log)).len(), 0);
        std::fs::write(folder.join("config.v2.json"), CONFIG).unwrap();
        let fields = open().fields_of(&stream(&log));
        let expected = [
            ("container", "web"),
            ("container_id", "0123456789ab"),
            ("image", "nginx:1.27"),
            ("label_com_docker_compose_service", "front"),
        ];
        assert_eq!(fields, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(open().fields_of(&stream(&log)), fields);
        assert_eq!(open().fields_of("spool-1").len(), 0);
    }

    #[test]
    fn pods_are_told_by_their_path_and_odd_files_say_nothing() {
        let fields = kubernetes(Path::new("/var/log/pods/shop_web-7d_1-2/nginx/0.log")).unwrap();
        assert_eq!((&*fields["namespace"], &*fields["pod"]), ("shop", "web-7d"));
        assert_eq!((&*fields["pod_uid"], &*fields["container"]), ("1-2", "nginx"));
        assert_eq!(kubernetes(Path::new("/0.log")), None);
        assert_eq!(kubernetes(Path::new("/a/b/0.log")), None);
        let root = tempfile::tempdir().unwrap();
        for text in ["", "{}", "[]", "{\"Name\":7,\"Config\":[]}", "{\"ID\":\"short\"}"] {
            std::fs::write(root.path().join("config.v2.json"), text).unwrap();
            let fields = docker(&root.path().join("x-json.log"), &["x".to_owned()]);
            assert!(fields.is_none_or(|fields| fields.is_empty()), "{text}");
        }
    }
}

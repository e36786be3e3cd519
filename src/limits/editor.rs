//! Bounds of the language server.

/// A message of an editor, in bytes; a longer one is skipped and answered with an error. Far above
/// any rule file, and small beside an editor's own memory.
pub const LSP_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A head line of a message, in bytes; what is longer is no message.
pub const LSP_HEAD_LINE_BYTES_MAX: usize = 1_024;

/// A document that completion, hover and outline look at, in bytes; of a longer one only `check`
/// speaks (which refuses rule files far smaller than this).
pub const LSP_DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Documents that are open at once; of further ones nothing is said.
pub const LSP_DOCUMENTS_MAX: usize = 256;

/// Rule files of a folder that are loaded beside an open one; with more, the open ones are checked
/// by themselves, so that opening a file of a huge folder costs nothing.
pub const LSP_FOLDER_FILES_MAX: usize = 512;

/// Messages waiting to be handled, or to be written.
pub const LSP_QUEUE_MAX: usize = 1_024;

/// How long the text must rest before it is checked, in milliseconds: shorter than a pause between
/// words, longer than one between keys.
pub const LSP_REST_MILLIS: u64 = 150;

/// Items of one completion.
pub const LSP_COMPLETIONS_MAX: usize = 500;

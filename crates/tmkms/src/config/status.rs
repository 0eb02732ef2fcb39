//! `[status]`: where the running signer tells what it does.

use std::path::PathBuf;

use toml::Spanned;

use super::paths;
use super::section::Section;

/// `socket`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatusSocket {
    /// In a directory beside the first state file.
    #[default]
    Default,
    /// Nowhere.
    Off,
    /// At this path.
    At(PathBuf),
}

/// Reads `[status]`.
pub(super) fn read(section: &Section<'_>) -> StatusSocket {
    let written = section.value("socket").and_then(|it| it.get_ref().as_str());
    if written == Some("off") {
        return StatusSocket::Off;
    }
    paths::path(section, "socket")
        .map(Spanned::into_inner)
        .map_or(StatusSocket::Default, StatusSocket::At)
}

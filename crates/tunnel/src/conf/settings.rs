//! The sections and settings of the file, with what each expects and an example. All messages are
//! made from here.

use std::ops::RangeInclusive;

/// The UDP port that WireGuard's documentation uses.
pub const DEFAULT_PORT: u16 = 51820;

/// What `MTU` may be: from what every IPv4 host takes (RFC 791) to the largest UDP packet without
/// the headers outside.
pub const MTU_RANGE: RangeInclusive<u16> = 576..=65_455;

/// What it may be with an IPv6 address inside (RFC 8200, section 5).
pub const MTU_RANGE_IPV6: RangeInclusive<u16> = 1280..=65_455;

/// A section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Interface,
    Peer,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Interface, Self::Peer];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interface => "Interface",
            Self::Peer => "Peer",
        }
    }

    /// As it is written.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Interface => "[Interface]",
            Self::Peer => "[Peer]",
        }
    }

    /// The section of that name; case does not matter.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut kinds = Self::ALL.into_iter();
        kinds.find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A setting.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) section: Kind,
    /// Whether it may stand several times, and hold several values separated by commas.
    pub(super) list: bool,
    /// Whether its value is a key, which no message shows.
    pub(super) key: bool,
    /// What it expects, to be read after "expected".
    pub(super) expects: &'static str,
    /// A line that is right, except for keys.
    pub(super) example: &'static str,
    /// Why it has no effect here, if it has none.
    pub(super) ignored: Option<&'static str>,
}

impl Setting {
    const fn plain(section: Kind, name: &'static str) -> Self {
        Self {
            name,
            section,
            list: false,
            key: false,
            expects: "",
            example: "",
            ignored: None,
        }
    }

    const fn key(section: Kind, name: &'static str, example: &'static str) -> Self {
        Self {
            key: true,
            expects: "a key: 44 characters of base64, the last one `=`",
            example,
            ..Self::plain(section, name)
        }
    }

    const fn networks(
        section: Kind,
        name: &'static str,
        expects: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            list: true,
            expects,
            example,
            ..Self::plain(section, name)
        }
    }

    const fn one(
        section: Kind,
        name: &'static str,
        expects: &'static str,
        example: &'static str,
    ) -> Self {
        Self {
            expects,
            example,
            ..Self::plain(section, name)
        }
    }

    const fn ignored(name: &'static str, why: &'static str) -> Self {
        Self {
            list: true,
            ignored: Some(why),
            ..Self::plain(Kind::Interface, name)
        }
    }
}

pub(super) static PRIVATE_KEY: Setting = Setting::key(
    Kind::Interface,
    "PrivateKey",
    "PrivateKey = KEY, from `tmkms wireguard genkey`",
);
pub(super) static ADDRESS: Setting = Setting::networks(
    Kind::Interface,
    "Address",
    "this end's addresses inside the tunnel, separated by commas",
    "Address = 10.200.0.2/32",
);
pub(super) static LISTEN_PORT: Setting = Setting::one(
    Kind::Interface,
    "ListenPort",
    "a UDP port from 1 to 65535",
    "ListenPort = 51820",
);
pub(super) static MTU: Setting = Setting::one(
    Kind::Interface,
    "MTU",
    "bytes from 576 to 65455",
    "MTU = 1280",
);
pub(super) static PUBLIC_KEY: Setting = Setting::key(
    Kind::Peer,
    "PublicKey",
    "PublicKey = KEY, the other machine's, which `tmkms wireguard pubkey` prints there",
);
pub(super) static PRESHARED_KEY: Setting = Setting::key(
    Kind::Peer,
    "PresharedKey",
    "PresharedKey = KEY, from `tmkms wireguard genpsk`, the same on both machines",
);
pub(super) static ALLOWED_IPS: Setting = Setting::networks(
    Kind::Peer,
    "AllowedIPs",
    "the peer's addresses inside the tunnel, separated by commas",
    "AllowedIPs = 10.200.0.1/32",
);
pub(super) static ENDPOINT: Setting = Setting::one(
    Kind::Peer,
    "Endpoint",
    "a name or an address, and a UDP port",
    "Endpoint = validator.example.com:51820",
);
pub(super) static PERSISTENT_KEEPALIVE: Setting = Setting::one(
    Kind::Peer,
    "PersistentKeepalive",
    "seconds from 1 to 65535, or off",
    "PersistentKeepalive = 25",
);

const NO_COMMANDS: &str = "no interface is set up, so no command is run";
static PRE_UP: Setting = Setting::ignored("PreUp", NO_COMMANDS);
static POST_UP: Setting = Setting::ignored("PostUp", NO_COMMANDS);
static PRE_DOWN: Setting = Setting::ignored("PreDown", NO_COMMANDS);
static POST_DOWN: Setting = Setting::ignored("PostDown", NO_COMMANDS);
static DNS: Setting = Setting::ignored("DNS", "names are resolved as this machine resolves them");
static TABLE: Setting = Setting::ignored("Table", "no routes are made");
static FW_MARK: Setting = Setting::ignored("FwMark", "packets are not marked");
static SAVE_CONFIG: Setting = Setting::ignored("SaveConfig", "the file is only read");

/// All settings.
pub(super) static ALL: [&Setting; 17] = [
    &PRIVATE_KEY,
    &ADDRESS,
    &LISTEN_PORT,
    &MTU,
    &PUBLIC_KEY,
    &PRESHARED_KEY,
    &ALLOWED_IPS,
    &ENDPOINT,
    &PERSISTENT_KEEPALIVE,
    &PRE_UP,
    &POST_UP,
    &PRE_DOWN,
    &POST_DOWN,
    &DNS,
    &TABLE,
    &FW_MARK,
    &SAVE_CONFIG,
];

/// The setting of that name; case does not matter.
pub(super) fn named(name: &str) -> Option<&'static Setting> {
    let mut all = ALL.into_iter();
    all.find(|setting| setting.name.eq_ignore_ascii_case(name))
}

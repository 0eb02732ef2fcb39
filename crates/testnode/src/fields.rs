//! Protobuf by hand, for messages that no honest node writes.

/// The fields of a message, in the order in which they are added. Their numbers go up to 15.
#[derive(Clone, Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// No field yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a number (int32, int64, enum, bool).
    #[must_use]
    pub fn number(mut self, field: u8, value: i64) -> Self {
        self.0.push(field << 3);
        put_varint(&mut self.0, value.cast_unsigned());
        self
    }

    /// Adds bytes, a text or a message.
    #[must_use]
    pub fn bytes(mut self, field: u8, value: impl AsRef<[u8]>) -> Self {
        self.0.push(field << 3 | 2);
        self.0.extend(delimited(value.as_ref()));
        self
    }

    /// The message with its length before it, as it goes onto the wire.
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        delimited(&self.0)
    }
}

impl AsRef<[u8]> for Fields {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes with their length before them.
#[must_use]
pub fn delimited(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, bytes.len() as u64);
    out.extend(bytes);
    out
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

//! The engine's own keys, in slot 65535, and the catalogue's (see `docs/format.md`).

/// The slot that belongs to this library.
pub(crate) const SLOT: u16 = u16::MAX;

/// The slot of the catalogue.
pub(crate) const CATALOGUE: u16 = 0;

/// The slot of a key; keys of this library always have one.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    match key {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// `00 00 | slot`: the catalogue's row of the table in that slot.
pub(crate) fn catalogue_key(slot: u16) -> Vec<u8> {
    [[0, 0], slot.to_be_bytes()].concat()
}

/// `FF FF 'b' | slot`: where the next batch of building the indexes of a slot's table begins; gone when all are
/// built.
pub(crate) fn build_key(slot: u16) -> Vec<u8> {
    let mut key = SLOT.to_be_bytes().to_vec();
    key.push(b'b');
    key.extend_from_slice(&slot.to_be_bytes());
    key
}

/// `FF FF 'g' | slot`: put by every commit that deletes rows of a slot, never deleted. A transaction that
/// read more rows of the slot than it can guard one by one guards this key instead.
pub(crate) fn generation_key(slot: u16) -> Vec<u8> {
    let mut key = SLOT.to_be_bytes().to_vec();
    key.push(b'g');
    key.extend_from_slice(&slot.to_be_bytes());
    key
}

/// `FF FF 'l' | lease i64 | lane u16`: the last number written by a lane; vanishes with the lease.
pub(crate) fn lane_key(lease: i64, lane: u16) -> Vec<u8> {
    let mut key = SLOT.to_be_bytes().to_vec();
    key.push(b'l');
    key.extend_from_slice(&lease.to_be_bytes());
    key.extend_from_slice(&lane.to_be_bytes());
    key
}

/// `lane's key | part u16`: the number of the lane's last commit of which this part was not applied.
pub(crate) fn witness_key(lane: &[u8], part: usize) -> Vec<u8> {
    let part = u16::try_from(part).unwrap_or(u16::MAX);
    [lane, &part.to_be_bytes()].concat()
}

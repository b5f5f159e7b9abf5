//! The etcd key of a row, without the namespace: the slot and the whole form of the key.

use super::{Key, KeyError, KeyLike};

/// `slot: u16 big-endian | key`, in one allocation where the key knows its size.
pub(crate) fn row_key<K: Key, Q: KeyLike<K> + ?Sized>(slot: u16, key: &Q) -> Result<Vec<u8>, KeyError> {
    let slot = slot.to_be_bytes();
    let mut bytes = Vec::with_capacity(slot.len() + key.key_size_hint());
    bytes.extend_from_slice(&slot);
    key.encode_key(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;
    use uuid::Uuid;

    use super::{KeyLike, row_key};
    use crate::key::Key;
    use crate::oid::Oid;
    use crate::pmap::keys::{StringOid, StringString};
    use crate::timestamp::Timestamp;

    #[track_caller]
    fn one_allocation<K: Key, Q: KeyLike<K> + ?Sized>(key: &Q) {
        let mut made = Vec::new();
        let of_row = measure(|| made = row_key(258, key).unwrap());
        assert_eq!(of_row.count_total, 1);
        let mut alone = Vec::new();
        let without_slot = measure(|| key.encode_key(&mut alone).unwrap());
        assert!(without_slot.count_total <= 1);
        assert_eq!(made, [&[1, 2], &alone[..]].concat());
    }

    fn and_in_front<K: Key>(key: &K) {
        one_allocation(key);
        let mut part = Vec::new();
        assert!(measure(|| key.encode_part(&mut part).unwrap()).count_total <= 1);
    }

    #[test]
    fn a_key_is_one_allocation() {
        let text = "a text with a \0 and more than a few bytes".to_owned();
        let bytes = vec![0; 100];
        and_in_front(&Uuid::nil());
        and_in_front(&Oid::new(1));
        and_in_front(&Timestamp::from_nanos(1));
        and_in_front(&[7_u8; 33]);
        and_in_front(&(-1_i128, 1_u8, 1.5_f64, 'x', true));
        and_in_front(&text);
        and_in_front(&bytes);
        and_in_front(&Some(text.clone()));
        and_in_front(&(text.clone(), bytes.clone(), text.clone()));
        and_in_front(&(Uuid::nil(), Some((text.clone(), (bytes.clone(),))), None::<u8>, text.clone()));
        and_in_front(&StringString("first".to_owned(), "a second one, of more bytes".to_owned()));
        and_in_front(&StringOid(text.clone(), Oid::new(1)));
        one_allocation::<String, str>(&text);
        one_allocation::<String, &str>(&text.as_str());
        one_allocation::<Vec<u8>, [u8]>(&bytes);
        one_allocation::<Vec<u8>, [u8; 40]>(&[0; 40]);
        one_allocation::<Uuid, &Uuid>(&&Uuid::nil());
        one_allocation::<(Uuid, String), _>(&(Uuid::nil(), text.as_str()));
        one_allocation::<(String, Uuid, String), _>(&(text.clone(), Uuid::nil(), text.as_str()));
    }
}

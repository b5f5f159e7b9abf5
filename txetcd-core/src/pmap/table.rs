//! The one table of Python's map types: class, key type, value.

/// Calls a macro with all map types of the Python library as `Class: key type => value;`.
///
/// The first ones are in `txaioetcd` 18.10 and `zlmdb` 26.10, the others in `zlmdb` only. The names of values are those
/// that [`pmap`](crate::pmap) has aliases for. For tests of this library.
#[doc(hidden)]
#[macro_export]
macro_rules! __python_maps {
    ($callback:ident) => {
        $callback! {
            MapSlotUuidUuid: (u16, Uuid) => Uuid;
            MapUuidString: Uuid => String;
            MapUuidOid: Uuid => Oid;
            MapUuidUuid: Uuid => Uuid;
            MapUuidUuidCbor: (Uuid, Uuid) => Cbor;
            MapUuidUuidUuid: (Uuid, Uuid) => Uuid;
            MapUuidStringUuid: (Uuid, String) => Uuid;
            MapUuidUuidSet: Uuid => UuidSet;
            MapUuidJson: Uuid => Json;
            MapUuidCbor: Uuid => Cbor;
            MapUuidPickle: Uuid => Pickle;
            MapUuidFlatBuffers: Uuid => Flatbuffers;
            MapStringString: String => String;
            MapStringOid: String => Oid;
            MapStringUuid: String => Uuid;
            MapStringJson: String => Json;
            MapStringCbor: String => Cbor;
            MapStringPickle: String => Pickle;
            MapStringFlatBuffers: String => Flatbuffers;
            MapOidString: Oid => String;
            MapOidOid: Oid => Oid;
            MapOidUuid: Oid => Uuid;
            MapOidJson: Oid => Json;
            MapOidCbor: Oid => Cbor;
            MapOidPickle: Oid => Pickle;
            MapOidFlatBuffers: Oid => Flatbuffers;

            MapUuidTimestampBytes32: (Uuid, AnyTimestamp) => Bytes32;
            MapUint64TimestampUuid: (u64, AnyTimestamp) => Uuid;
            MapUuidTimestampUuid: (Uuid, AnyTimestamp) => Uuid;
            MapUuidUuidStringUuid: (Uuid, Uuid, String) => Uuid;
            MapUuidUuidUuidStringUuid: (Uuid, Uuid, Uuid, String) => Uuid;
            MapUuidUuidUuidUuid: (Uuid, Uuid, Uuid) => Uuid;
            MapUuidUuidUuidUuidUuid: (Uuid, Uuid, Uuid, Uuid) => Uuid;
            MapUuidStringOid: (Uuid, String) => Oid;
            MapUuidTimestampFlatBuffers: (Uuid, AnyTimestamp) => Flatbuffers;
            MapTimestampFlatBuffers: AnyTimestamp => Flatbuffers;
            MapTimestampUuidFlatBuffers: (AnyTimestamp, Uuid) => Flatbuffers;
            MapUuidTimestampUuidFlatBuffers: (Uuid, AnyTimestamp, Uuid) => Flatbuffers;
            MapUint16UuidTimestampFlatBuffers: (U16Le, Uuid, AnyTimestamp) => Flatbuffers;
            MapUuidBytes20Uint8FlatBuffers: (Uuid, [u8; 20], u8) => Flatbuffers;
            MapUuidBytes20Uint8UuidFlatBuffers: (Uuid, [u8; 20], u8, Uuid) => Flatbuffers;
            MapUuidBytes20Bytes20Uint8UuidFlatBuffers: (Uuid, [u8; 20], [u8; 20], u8, Uuid) => Flatbuffers;
            MapTimestampUuidStringFlatBuffers: (AnyTimestamp, Uuid, String) => Flatbuffers;
            MapTimestampBytes32FlatBuffers: (AnyTimestamp, [u8; 32]) => Flatbuffers;
            MapTimestampStringFlatBuffers: (AnyTimestamp, String) => Flatbuffers;
            MapUuidTimestampCbor: (Uuid, AnyTimestamp) => Cbor;
            MapTimestampUuidCbor: (AnyTimestamp, Uuid) => Cbor;
            MapStringTimestampCbor: StringTimestamp => Cbor;
            MapTimestampStringCbor: (AnyTimestamp, String) => Cbor;
            MapStringOidOid: StringOid => Oid;
            MapStringStringUuid: StringString => Uuid;
            MapStringStringStringUuid: StringStringString => Uuid;
            MapOidOidFlatBuffers: (Oid, Oid) => Flatbuffers;
            MapOid3FlatBuffers: (Oid, Oid, Oid) => Flatbuffers;
            MapOidOidSet: Oid => OidSet;
            MapOidStringOid: (Oid, String) => Oid;
            MapOidOidOid: (Oid, Oid) => Oid;
            MapOidTimestampOid: (Oid, TimestampLe) => Oid;
            MapOidTimestampFlatBuffers: (Oid, TimestampLe) => Flatbuffers;
            MapOidTimestampStringOid: (Oid, TimestampLe, String) => Oid;
            MapBytes32Uuid: [u8; 32] => Uuid;
            MapBytes32Timestamp: [u8; 32] => Timestamp;
            MapBytes32Bytes32: [u8; 32] => Bytes32;
            MapBytes32FlatBuffers: [u8; 32] => Flatbuffers;
            MapBytes32UuidFlatBuffers: ([u8; 32], Uuid) => Flatbuffers;
            MapUuidBytes32FlatBuffers: (Uuid, [u8; 32]) => Flatbuffers;
            MapUuidUuidStringFlatBuffers: (Uuid, Uuid, String) => Flatbuffers;
            MapUuidUuidFlatBuffers: (Uuid, Uuid) => Flatbuffers;
            MapUuidStringFlatBuffers: (Uuid, String) => Flatbuffers;
            MapBytes32Bytes32FlatBuffers: ([u8; 32], [u8; 32]) => Flatbuffers;
            MapBytes32StringFlatBuffers: ([u8; 32], String) => Flatbuffers;
            MapBytes20Bytes20: [u8; 20] => Bytes20;
            MapBytes20Bytes20Timestamp: [u8; 20] => Bytes20Timestamp;
            MapBytes20TimestampBytes20: ([u8; 20], AnyTimestamp) => Bytes20;
            MapBytes20TimestampUuid: ([u8; 20], AnyTimestamp) => Uuid;
            MapBytes20Uuid: [u8; 20] => Uuid;
            MapBytes20Bytes16: [u8; 20] => Bytes16;
            MapBytes20FlatBuffers: [u8; 20] => Flatbuffers;
            MapBytes16FlatBuffers: [u8; 16] => Flatbuffers;
            MapBytes16TimestampUuid: ([u8; 16], AnyTimestamp) => Uuid;
            MapBytes16TimestampUuidFlatBuffers: ([u8; 16], AnyTimestamp, Uuid) => Flatbuffers;
            MapBytes20Bytes20FlatBuffers: ([u8; 20], [u8; 20]) => Flatbuffers;
            MapBytes20StringFlatBuffers: ([u8; 20], String) => Flatbuffers;
        }
    };
}

pub(super) use crate::__python_maps as python_maps;

//! One usage event as bytes on disk: length, checksum, and a compact payload of about 80 bytes.
//!
//! `length u32 | crc32 u32 | payload`, little-endian; the checksum covers length and payload. The payload is
//! `request id 16 | tenant id 16 | time i64 ms | status u16 | 3 counters LEB128 | bytes delta zigzag LEB128 |
//! workspace | route`, texts as one length byte and their bytes, 255 for an absent one.

use jiff::Timestamp;
use tenancy::{Counters, RequestId, TenantId, UsageEvent};
use uuid::Uuid;

/// Bytes before the payload.
pub(crate) const PREFIX_BYTES: usize = 8;
/// The shortest payload: all counters zero, no workspace, an empty route.
const PAYLOAD_BYTES_MIN: usize = 16 + 16 + 8 + 2 + 4 + 2;
/// The longest payload: full-size counters, both texts at their longest.
const PAYLOAD_BYTES_MAX: usize = 16 + 16 + 8 + 2 + 40 + 2 * (1 + TEXT_BYTES_MAX);
/// Longest workspace or route on record; names are bounded well below it.
const TEXT_BYTES_MAX: usize = 254;
const ABSENT: u8 = 255;

/// What stands at some place of a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// An event and the number of bytes it took.
    Event(Box<UsageEvent>, usize),
    /// Nothing that was ever written whole.
    Damage,
}

/// The frame of one event, ready to be written.
pub(crate) fn encode(event: &UsageEvent) -> Vec<u8> {
    let mut frame = Vec::with_capacity(160);
    frame.extend_from_slice(&[0; PREFIX_BYTES]);
    frame.extend_from_slice(event.request_id.as_uuid().as_bytes());
    frame.extend_from_slice(tenant_uuid(&event.tenant_id).as_bytes());
    frame.extend_from_slice(&event.occurred_at.as_millisecond().to_le_bytes());
    frame.extend_from_slice(&event.status.to_le_bytes());
    let counters = event.counters;
    let delta = counters.storage_bytes_delta;
    let zigzag = ((delta << 1) ^ (delta >> 63)).cast_unsigned();
    for count in [counters.api_calls, counters.search_queries, counters.memories_created, zigzag] {
        put_number(&mut frame, count);
    }
    put_text(&mut frame, event.workspace.as_deref());
    put_text(&mut frame, Some(&event.route));

    let length = u32::try_from(frame.len() - PREFIX_BYTES).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = checksum(length, &frame[PREFIX_BYTES..]).to_le_bytes();
    frame[..4].copy_from_slice(&length);
    frame[4..8].copy_from_slice(&checksum);
    frame
}

/// Reads the frame that starts at the beginning of `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Found {
    read_frame(bytes).unwrap_or(Found::Damage)
}

fn read_frame(bytes: &[u8]) -> Option<Found> {
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX_BYTES>()?;
    let (length_bytes, checksum_bytes) = prefix.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length_bytes)).ok()?;
    if !(PAYLOAD_BYTES_MIN..=PAYLOAD_BYTES_MAX).contains(&length) {
        return None;
    }
    let payload = rest.get(..length)?;
    if checksum(*length_bytes, payload).to_le_bytes() != *checksum_bytes {
        return None;
    }
    Some(Found::Event(Box::new(read_payload(payload)?), PREFIX_BYTES + length))
}

fn read_payload(mut payload: &[u8]) -> Option<UsageEvent> {
    let rest = &mut payload;
    let request_id = RequestId::from_uuid(Uuid::from_bytes(take(rest)?));
    let tenant_id = TenantId::from_uuid(Uuid::from_bytes(take(rest)?));
    let occurred_at = Timestamp::from_millisecond(i64::from_le_bytes(take(rest)?)).ok()?;
    let status = u16::from_le_bytes(take(rest)?);
    let counters = Counters {
        api_calls: take_number(rest)?,
        search_queries: take_number(rest)?,
        memories_created: take_number(rest)?,
        storage_bytes_delta: {
            let zigzag = take_number(rest)?;
            (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed()
        },
    };
    let workspace = take_text(rest)?;
    let route = take_text(rest)??;
    rest.is_empty().then_some(UsageEvent {
        request_id,
        tenant_id,
        workspace,
        route,
        status,
        counters,
        occurred_at,
    })
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

fn tenant_uuid(tenant: &TenantId) -> Uuid {
    let hex = tenant.as_str().get("ten_".len()..).unwrap_or("");
    // A tenant id is `ten_` and 32 hexadecimal digits by construction.
    Uuid::try_parse(hex).unwrap_or_default()
}

fn put_number(frame: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        frame.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    frame.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take::<1>(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put_text(frame: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else {
        frame.push(ABSENT);
        return;
    };
    let kept = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    frame.push(kept.len() as u8);
    frame.extend_from_slice(kept.as_bytes());
}

fn take_text(rest: &mut &[u8]) -> Option<Option<String>> {
    let [length] = take::<1>(rest)?;
    if length == ABSENT {
        return Some(None);
    }
    let (text, after) = rest.split_at_checked(usize::from(length))?;
    *rest = after;
    Some(Some(std::str::from_utf8(text).ok()?.to_owned()))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use stdx::hex;

    use super::*;

    fn event(workspace: Option<&str>, route: &str, count: u64, delta: i64) -> UsageEvent {
        let occurred_at = Timestamp::from_millisecond(1_795_428_000_123).unwrap();
        UsageEvent {
            request_id: RequestId::at(occurred_at),
            tenant_id: TenantId::from_uuid(RequestId::at(occurred_at).as_uuid()),
            workspace: workspace.map(str::to_owned),
            route: route.to_owned(),
            status: 201,
            counters: Counters {
                api_calls: count,
                search_queries: count / 2,
                memories_created: count / 3,
                storage_bytes_delta: delta,
            },
            occurred_at,
        }
    }

    #[test]
    fn an_event_reads_back() {
        for (workspace, route, count, delta) in [
            (None, "", 0, 0),
            (Some("default"), "create_memory", 1, 300),
            (Some(""), "search", 127, -1),
            (Some("ä"), "x", 128, 64),
            (None, "y", u64::MAX, i64::MIN),
            (None, "y", u64::MAX / 2, i64::MAX),
        ] {
            let event = event(workspace, route, count, delta);
            let frame = encode(&event);
            assert_eq!(decode(&frame), Found::Event(Box::new(event), frame.len()));
        }
    }

    /// What version 1 wrote. It must be readable for ever: a spool may outlive the program that wrote it.
    const VERSION_1: &str = "46000000a020494d01935a4f00007000800000000000000101935a4f00007000800000000000\
        00027b21d907a2010000c900ac02960164dfc508056e6f7465730d6372656174655f6d656d6f7279";

    #[test]
    fn a_frame_of_version_1_is_read_by_every_later_one() {
        let uuid = |n: u128| Uuid::from_u128(0x0193_5a4f_0000_7000_8000_0000_0000_0000 + n);
        let event = UsageEvent {
            request_id: RequestId::from_uuid(uuid(1)),
            tenant_id: TenantId::from_uuid(uuid(2)),
            occurred_at: Timestamp::from_millisecond(1_795_428_000_123).unwrap(),
            ..event(Some("notes"), "create_memory", 300, -70_000)
        };
        assert_eq!(
            hex::encode(&encode(&event)),
            VERSION_1,
            "a changed frame needs a new version of the segment"
        );
        let bytes = hex::decode(VERSION_1).unwrap();
        assert_eq!(decode(&bytes), Found::Event(Box::new(event), bytes.len()));
    }

    #[test]
    fn a_common_event_is_small() {
        assert!(encode(&event(Some("default"), "create_memory", 1, 300)).len() <= 88);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let frame = encode(&event(Some("default"), "create_memory", 3, 300));
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&damaged), Found::Damage, "bit {bit}");
        }
        for length in 0..frame.len() {
            assert_eq!(decode(&frame[..length]), Found::Damage, "cut at {length}");
        }
        assert_eq!(decode(&[0; 512]), Found::Damage);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_letters() {
        let frame = encode(&event(None, &"ä".repeat(200), 1, 0));
        let Found::Event(event, _) = decode(&frame) else { panic!("readable") };
        assert_eq!(event.route, "ä".repeat(127));
    }
}

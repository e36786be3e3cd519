//! Records of a program in the frames of its spool ([`crate::event::frame`]): an event comes
//! ready-made, a line goes to the parser of the source's format.

use super::{Parser, Unparsed};
use crate::clock::Timestamp;
use crate::event::frame::{Held, held};
use crate::event::{Brought, Event, added};
use bytes::Bytes;

/// Fills `event` from a frame; its record becomes what is in the frame.
pub(super) fn parse(
    lines: &mut Parser,
    record: &[u8],
    arrival: Timestamp,
    event: &mut Event,
) -> Result<(), Unparsed> {
    let (offset, line, bytes) = (event.offset, event.line, event.record_bytes());
    let mut turn_to = |part: Bytes| {
        event.reset(part);
        (event.offset, event.line) = (offset, line);
    };
    match held(record).ok_or(Unparsed("a record of a program that is no frame"))? {
        Held::Line(place) => {
            let part = bytes.slice(place);
            turn_to(part.clone());
            lines.parse(&part, arrival, event)
        }
        Held::LineWith { added, line } => {
            let (added, part) = (bytes.slice(added), bytes.slice(line));
            turn_to(part.clone());
            lines.parse(&part, arrival, event)?;
            added::set_json(event, &added);
            Ok(())
        }
        Held::Event { addresses, json } => {
            let names = bytes.slice(addresses);
            let part = bytes.slice(json);
            turn_to(part.clone());
            let json = serde_json::from_slice(&part).ok();
            let names = std::str::from_utf8(&names).ok();
            let brought =
                names.zip(json).and_then(|(names, json)| Brought::from_json(names, &json));
            brought.ok_or(Unparsed("an event that was not kept whole"))?.fill(arrival, event);
            Ok(())
        }
        Held::Refused(place) => {
            turn_to(bytes.slice(place));
            Err(Unparsed("its program said something that was refused"))
        }
    }
}

//! What a matched batch comes to: the stateful stage over its candidates, one after the other.

use crate::limits;
use crate::pipeline::core::{Core, Firing, Foreseen};
use crate::pipeline::stage::Matched;
use crate::pipeline::watermark::Watermarks;

/// Evaluates a matched batch in event order; shared by live, recovery and replay.
pub(in crate::pipeline) fn evaluate(
    core: &mut Core,
    watermarks: &mut Watermarks,
    matched: &Matched,
    firings: &mut Vec<Firing>,
) {
    if matched.parsed > 0 {
        let (source, arrival) = (&matched.origin.source, matched.arrival);
        let mut delivery = watermarks.delivery(source, arrival);
        let mut ahead = Foreseen::default();
        for candidates in matched.candidates.chunks(limits::CANDIDATES_LOOK_AHEAD) {
            core.look_ahead(candidates, &mut ahead);
            for candidate in candidates {
                let time = core.reached(source, candidate.event.time, arrival);
                core.advance(delivery.event(time), firings);
                core.event_ahead(&candidate.event, &candidate.rules, &mut ahead, firings);
            }
        }
        let time = core.reached(source, matched.newest, arrival);
        core.advance(delivery.event(time), firings);
    }
    core.forget_before(watermarks.settled());
}

//! A story as JSON Lines: what it is of, then a record for each packet and one for each claim, in the order of the page.

use super::quiz;
use super::words::{self, Telling};
use crate::flow::FlowRecord;
use crate::output::text::Days;
use crate::story::{Claim, Host, Step, Story, Told};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the records of a story.
pub(super) fn write(
    out: &mut impl Write,
    story: &Story,
    t: &Telling<'_>,
    record: &FlowRecord,
    because: Option<&str>,
) -> io::Result<()> {
    let head = json!({
        "type": "story",
        "id": record.id.to_string(),
        "state": record.state.key(),
        "client": { "ip": record.originator.ip.to_string(), "port": record.originator.port },
        "server": { "ip": record.responder.ip.to_string(), "port": record.responder.port },
        "packets": t.steps.len() as u64 + story.left_out,
        "left_out": story.left_out,
        "traced": story.traced.map(letter),
        "because": because,
    });
    line(out, &head)?;
    claims(out, &story.before, None, t)?;
    for (scene, told) in story.scenes.iter().flat_map(|scene| scene.steps.iter().map(move |told| (scene.kind, told))) {
        let Some(step) = t.steps.get(told.step) else { continue };
        line(out, &packet(scene.key(), told, step))?;
        claims(out, &told.claims, Some(step), t)?;
    }
    claims(out, &story.after, None, t)?;
    for sum in &story.sums {
        line(
            out,
            &json!({
                "type": "sum",
                "host": letter(sum.host),
                "bytes": sum.bytes,
                "fin": sum.fin,
                "numbers": sum.numbers(),
                "acknowledged": sum.acknowledged,
            }),
        )?;
    }
    Ok(())
}

fn packet(scene: &str, told: &Told, step: &Step) -> Value {
    json!({
        "type": "step",
        "scene": scene,
        "source": step.source,
        "number": step.number,
        "ts": moment(step),
        "from": told.host.map(letter),
        "relative_seq": told.seq,
        "relative_ack": told.ack,
        "payload_length": step.len,
        "app": step.phrase.as_ref().map(|phrase| phrase.0.as_str()),
    })
}

fn claims(out: &mut impl Write, claims: &[Claim], step: Option<&Step>, t: &Telling<'_>) -> io::Result<()> {
    for claim in claims {
        let Some(text) = words::sentence(claim, t) else { continue };
        let evidence: Vec<u64> = claim.evidence.iter().filter_map(|step| t.steps.get(*step)).map(|step| step.number).collect();
        let calls: Vec<Value> = claim
            .calls
            .iter()
            .map(|called| json!({ "host": letter(called.host), "call": called.call.name(), "packet": called.tied }))
            .collect();
        line(
            out,
            &json!({
                "type": "claim",
                "number": step.map(|step| step.number),
                "mark": claim.mark.key(),
                "host": claim.host.map(letter),
                "rule": claim.say.key(),
                "text": text,
                "question": quiz::question(claim, t).filter(|_| t.quiz),
                "calls": calls,
                "evidence": evidence,
            }),
        )?;
    }
    Ok(())
}

fn moment(step: &Step) -> String {
    let mut text = Vec::new();
    Days::default().rfc3339(&mut text, step.ts);
    String::from_utf8_lossy(&text).into_owned()
}

fn letter(host: Host) -> String {
    host.letter().to_string()
}

fn line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

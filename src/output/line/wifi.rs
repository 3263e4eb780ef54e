//! IEEE 802.11 data frames as far as the IP inside, and the radiotap header in front of them.

use super::walk::{Cut, Walk};
use crate::output::text::Text;

impl Walk<'_> {
    /// A frame behind a radiotap header, of which nothing is printed. Gives the length of all headers.
    pub(super) fn radiotap(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "802.11_radio";
        self.need(0, 8)?;
        // Radiotap's numbers are little-endian.
        let header = usize::from(self.array(2).map(u16::from_le_bytes)?);
        if header < 8 {
            return Err(Cut);
        }
        self.need(0, header)?;
        self.wifi(header, length.saturating_sub(header as u32))
    }

    /// An 802.11 frame. Gives where its payload starts.
    pub(super) fn wifi(&mut self, at: usize, length: u32) -> Result<usize, Cut> {
        self.layer = "802.11";
        let control = self.array(at).map(u16::from_le_bytes)?;
        let (kind, subtype) = (control >> 2 & 3, control >> 4 & 15);
        let (to_ds, from_ds) = (control & 0x100 != 0, control & 0x200 != 0);
        let named = match kind {
            0 => "Management",
            1 => "Control",
            2 => "Data",
            _ => "Reserved",
        };
        if kind != 2 {
            self.put(format_args!("802.11 {named}, subtype {subtype}, length {length}"));
            return Ok(at);
        }
        let quality = subtype & 8 != 0;
        let four = to_ds && from_ds;
        // Order bit with a QoS frame: an HT control field.
        let header =
            24 + if four { 6 } else { 0 } + if quality { 2 } else { 0 } + if quality && control & 0x8000 != 0 { 4 } else { 0 };
        self.need(at, header)?;
        if self.options.link_header {
            if quality {
                self.text("CF +QoS ");
            }
            self.wifi_addresses(at, to_ds, from_ds)?;
        }
        if control & 0x4000 != 0 {
            self.text("Data, protected");
            return Ok(at + header);
        }
        if subtype & 4 != 0 {
            self.put(format_args!("802.11 Data, no data, subtype {subtype}, length {length}"));
            return Ok(at + header);
        }
        let llc = self.llc(at + header, length.saturating_sub(header as u32), None)?;
        Ok(at + header + llc)
    }

    fn wifi_addresses(&mut self, at: usize, to_ds: bool, from_ds: bool) -> Result<(), Cut> {
        let names: &[(&str, usize)] = match (to_ds, from_ds) {
            (false, false) => &[("DA:", 4), ("SA:", 10), ("BSSID:", 16)],
            (false, true) => &[("DA:", 4), ("BSSID:", 10), ("SA:", 16)],
            (true, false) => &[("BSSID:", 4), ("SA:", 10), ("DA:", 16)],
            (true, true) => &[("RA:", 4), ("TA:", 10), ("DA:", 16), ("SA:", 24)],
        };
        for (name, offset) in names {
            self.text(name);
            let address = self.slice(at + offset, 6)?;
            self.mac(address);
            self.text(" ");
        }
        Ok(())
    }
}

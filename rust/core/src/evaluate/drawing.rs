//! The numbers that rules draw, where each packet brings its own along.

use super::machine::{Stop, World};
use super::trails::Trail;
use crate::program::{ChainId, Program, Site};
use crate::ruleset::{Hook, NumgenMode};

/// The numbers of a packet.
pub(super) struct Drawing {
    /// The upper half is the next number to be drawn.
    random: u64,
    /// Whether any was drawn.
    pub(super) drawn: bool,
    counters: Vec<u32>,
}

impl Drawing {
    /// The numbers of a program whose counters have not counted yet.
    pub(super) fn new(program: &Program) -> Self {
        Self { random: 0, drawn: false, counters: vec![0; program.sites as usize] }
    }

    /// Before a packet is run that brings this number along.
    #[inline]
    pub(super) fn begin(&mut self, random: u32) {
        self.random = u64::from(random) << 32;
        self.drawn = false;
    }

    /// The packet's own number first, as the kernel scales it; numbers made of it for every further draw.
    #[inline]
    pub(super) fn draw(&mut self, modulus: u32) -> u32 {
        self.drawn = true;
        let value = ((self.random >> 32) * u64::from(modulus)) >> 32;
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        u32::try_from(value).unwrap_or(0)
    }
}

impl World for Drawing {
    const STEPS: bool = false;

    #[inline]
    fn numgen(&mut self, site: Site, mode: NumgenMode, modulus: u32) -> Result<u32, Stop> {
        if mode == NumgenMode::Random {
            return Ok(self.draw(modulus));
        }
        self.drawn = true;
        let counter = &mut self.counters[site as usize];
        let value = *counter;
        *counter = (value + 1) % modulus;
        Ok(value)
    }

    fn hash(&mut self, _site: Site, _modulus: u32) -> Result<u32, Stop> {
        Err(Stop::Undecided)
    }

    fn client_port(&mut self, _value: &dyn Fn(u16) -> u32) -> Result<u16, Stop> {
        Err(Stop::Undecided)
    }

    fn undecided(
        &mut self,
        _condition: impl FnOnce() -> String,
        _reason: impl FnOnce() -> String,
        _options: usize,
    ) -> Result<usize, Stop> {
        Err(Stop::Undecided)
    }

    fn step(&mut self, _hook: Hook, _chain: ChainId, _rule: Option<usize>, _event: String) {}
}

/// The same, while what the packet is asked is written down.
pub(super) struct Recording<'a> {
    pub(super) drawing: &'a mut Drawing,
    pub(super) trail: Trail,
}

impl World for Recording<'_> {
    const STEPS: bool = false;

    fn numgen(&mut self, site: Site, mode: NumgenMode, modulus: u32) -> Result<u32, Stop> {
        self.drawing.numgen(site, mode, modulus)
    }

    fn hash(&mut self, site: Site, modulus: u32) -> Result<u32, Stop> {
        self.trail.leave();
        self.drawing.hash(site, modulus)
    }

    fn client_port(&mut self, value: &dyn Fn(u16) -> u32) -> Result<u16, Stop> {
        self.trail.leave();
        self.drawing.client_port(value)
    }

    fn undecided(
        &mut self,
        condition: impl FnOnce() -> String,
        reason: impl FnOnce() -> String,
        options: usize,
    ) -> Result<usize, Stop> {
        self.trail.leave();
        self.drawing.undecided(condition, reason, options)
    }

    fn trail(&mut self) -> Option<&mut Trail> {
        Some(&mut self.trail)
    }

    fn step(&mut self, _hook: Hook, _chain: ChainId, _rule: Option<usize>, _event: String) {}
}

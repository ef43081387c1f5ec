//! Steps through the runs of both sides in key order. Two records of one key and one hash cancel; all others are put aside.

use super::order::{ORDERS, Order, Orders};
use super::run::{Entry, Fault, Run};
use crate::{Pair, Side};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

/// Takes records that have no equal counterpart.
pub(super) type Put<'p> = &'p mut dyn FnMut(Side, &Run, &Entry);

/// Two streams of runs. Runs may come in any order; each is stepped through in its turn.
#[derive(Debug)]
pub(super) struct Merger {
    orders: Orders,
    /// Bytes of a run that is done with before it is known what follows it. A key that comes again there is a fault.
    long: usize,
    sides: Pair<Stream>,
    /// Where each order broke first, on either side.
    broken: Broken,
}

/// The side and the place where each order broke first, if it did.
type Broken = [Option<(Side, Fault)>; ORDERS];

#[derive(Debug, Default)]
struct Stream {
    /// Runs that came before their turn, by number.
    early: BTreeMap<u64, Run>,
    /// Runs in order, none of them empty. The first is being stepped through.
    queue: VecDeque<Run>,
    /// The next record of the first run.
    at: usize,
    /// The place of the last record of the run that was last done with.
    passed: Option<Vec<u8>>,
    /// The number of the run whose turn is next.
    next: u64,
    /// Runs that are done with.
    done: u64,
    /// How many runs there are, once that is known.
    end: Option<u64>,
    /// Memory that the runs hold.
    bytes: usize,
}

enum Head<'r> {
    Record(&'r Run, &'r Entry),
    /// What comes next, or whether anything does, is not known yet.
    Unknown,
    End,
}

impl Stream {
    /// Brings the runs whose turn it is into the queue.
    fn settle(&mut self, side: Side, orders: Orders, broken: &mut Broken, put: Put<'_>) {
        while let Some(mut run) = self.early.remove(&self.next) {
            self.next += 1;
            run.loose.iter().for_each(|entry| put(side, &run, entry));
            match (self.queue.back_mut(), &self.passed) {
                (Some(last), _) => run.follow(last, orders),
                (None, Some(passed)) => run.follow_passed(passed, orders),
                (None, None) => {}
            }
            for (first, fault) in broken.iter_mut().zip(run.faults) {
                *first = first.or(fault.map(|fault| (side, fault)));
            }
            if run.entries.is_empty() {
                self.release(&run);
            } else {
                self.queue.push_back(run);
            }
        }
    }

    /// The record that is next. The last one known waits for its neighbour, which may have the same key; not that of a run
    /// of at least `long` bytes, lest two such runs be held.
    fn head(&self, long: usize) -> Head<'_> {
        let ended = self.end == Some(self.next);
        match self.queue.front() {
            Some(run)
                if self.at + 1 < run.entries.len()
                    || self.queue.len() > 1
                    || ended
                    || run.bytes() >= long =>
            {
                Head::Record(run, &run.entries[self.at])
            }
            None if ended => Head::End,
            _ => Head::Unknown,
        }
    }

    fn step(&mut self) {
        self.at += 1;
        if self.queue.front().is_some_and(|run| run.entries.len() == self.at) {
            self.at = 0;
            if let Some(run) = self.queue.pop_front() {
                self.release(&run);
                self.passed = run.entries.last().map(|last| run.place(last).to_vec());
            }
        }
    }

    fn release(&mut self, run: &Run) {
        self.done += 1;
        self.bytes -= run.bytes();
    }
}

impl Merger {
    /// A merger of sides that come in one of these orders; runs of at least `long` bytes do not wait for others.
    pub fn new(orders: Orders, long: usize) -> Merger {
        Merger {
            orders,
            long,
            sides: Pair::default(),
            broken: Broken::default(),
        }
    }

    /// Takes a run, the one with `number` of its side, and steps on as far as it can be known.
    pub fn take(&mut self, side: Side, number: u64, run: Run, put: Put<'_>) -> Result<(), (Side, Fault)> {
        let stream = &mut self.sides[side];
        stream.bytes += run.bytes();
        stream.early.insert(number, run);
        stream.settle(side, self.orders, &mut self.broken, put);
        self.advance(self.order()?, put);
        Ok(())
    }

    /// The order that both sides have kept so far.
    fn order(&self) -> Result<Order, (Side, Fault)> {
        let mut fault = None;
        for (order, broken) in self.orders.iter().zip(self.broken) {
            match (order, broken) {
                (Some(order), None) => return Ok(*order),
                (Some(_), Some(_)) => fault = fault.or(broken),
                (None, _) => {}
            }
        }
        Err(fault.expect("there is an order, and it is broken"))
    }

    /// Says that a side has `runs` runs.
    pub fn end(&mut self, side: Side, runs: u64, put: Put<'_>) {
        self.sides[side].end = Some(runs);
        if let Ok(order) = self.order() {
            self.advance(order, put);
        }
    }

    /// Runs of a side that came in their turn so far.
    pub fn seen(&self, side: Side) -> u64 {
        self.sides[side].next
    }

    /// Whether all runs of a side came.
    pub fn ended(&self, side: Side) -> bool {
        self.sides[side].end == Some(self.sides[side].next)
    }

    /// Runs of a side that are done with, and the bytes that those hold which are not.
    pub fn progress(&self, side: Side) -> (u64, usize) {
        (self.sides[side].done, self.sides[side].bytes)
    }

    /// Steps on in `order`. In another than the sides have, equal records may miss one another and be put aside, no more.
    fn advance(&mut self, order: Order, put: Put<'_>) {
        loop {
            let (stable, candidate) = match (
                self.sides.stable.head(self.long),
                self.sides.candidate.head(self.long),
            ) {
                (Head::Unknown, _) | (_, Head::Unknown) | (Head::End, Head::End) => return,
                (Head::Record(run, entry), Head::End) => {
                    put(Side::Stable, run, entry);
                    (true, false)
                }
                (Head::End, Head::Record(run, entry)) => {
                    put(Side::Candidate, run, entry);
                    (false, true)
                }
                (Head::Record(a, x), Head::Record(b, y)) => match order.compare(a.place(x), b.place(y)) {
                    Ordering::Less => {
                        put(Side::Stable, a, x);
                        (true, false)
                    }
                    Ordering::Greater => {
                        put(Side::Candidate, b, y);
                        (false, true)
                    }
                    Ordering::Equal => {
                        if x.repeated || y.repeated || x.record != y.record {
                            put(Side::Stable, a, x);
                            put(Side::Candidate, b, y);
                        }
                        (true, true)
                    }
                },
            };
            for (step, side) in [(stable, Side::Stable), (candidate, Side::Candidate)] {
                if step {
                    self.sides[side].step();
                }
            }
        }
    }
}

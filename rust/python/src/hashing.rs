//! Consistent hashing: `svcc_core::hashing` for lists, bytes and numbers of Python.
#![expect(clippy::needless_pass_by_value, reason = "Python hands over lists, which are read without the lock")]

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::PyBytes;
use svcc_core::hashing::choose::{Choose, choose_each, choose_packed};
use svcc_core::hashing::endpoints::{Endpoints, HashingError};
use svcc_core::hashing::jump::Jump;
use svcc_core::hashing::maglev::{self, Maglev};
use svcc_core::hashing::random::Random;
use svcc_core::hashing::rendezvous::Rendezvous;
use svcc_core::hashing::ring::Ring;
use svcc_core::hashing::round_robin::RoundRobin;
use svcc_core::kernel_hash::ByteOrder;

/// The size of a Maglev table for a number of endpoints.
#[pyfunction]
pub(crate) fn maglev_size(count: usize) -> PyResult<u32> {
    maglev::size_for(count).map_err(|error| refused(&error))
}

/// An algorithm over a group of endpoints; numbers of 32 bits are handed out packed, in the byte order of the machine.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Chooser(Algorithm);

enum Algorithm {
    Maglev(Maglev),
    Rendezvous(Rendezvous),
    Jump(Jump),
    Ring(Ring),
    Random(Random),
    RoundRobin(RoundRobin),
}

/// The same expression for each algorithm, compiled for each.
macro_rules! with {
    ($algorithm:expr, $chooser:ident => $body:expr) => {
        match $algorithm {
            Algorithm::Maglev($chooser) => $body,
            Algorithm::Rendezvous($chooser) => $body,
            Algorithm::Jump($chooser) => $body,
            Algorithm::Ring($chooser) => $body,
            Algorithm::Random($chooser) => $body,
            Algorithm::RoundRobin($chooser) => $body,
        }
    };
}

#[pymethods]
impl Chooser {
    #[staticmethod]
    fn maglev(
        py: Python<'_>,
        names: Vec<PyBackedStr>,
        weights: Vec<i64>,
        size: usize,
        seed: u64,
        hash_seed: u32,
        big_endian: bool,
    ) -> PyResult<Self> {
        let byte_order = if big_endian { ByteOrder::Big } else { ByteOrder::Little };
        Self::build(py, &names, &weights, |endpoints| {
            Maglev::new(endpoints, size, seed, hash_seed, byte_order).map(Algorithm::Maglev)
        })
    }

    #[staticmethod]
    fn rendezvous(py: Python<'_>, names: Vec<PyBackedStr>, weights: Vec<i64>, seed: u64) -> PyResult<Self> {
        Self::build(py, &names, &weights, |endpoints| Ok(Algorithm::Rendezvous(Rendezvous::new(endpoints, seed))))
    }

    #[staticmethod]
    fn jump(py: Python<'_>, names: Vec<PyBackedStr>, weights: Vec<i64>, seed: u64) -> PyResult<Self> {
        Self::build(py, &names, &weights, |endpoints| Jump::new(endpoints, seed).map(Algorithm::Jump))
    }

    #[staticmethod]
    fn ring(py: Python<'_>, names: Vec<PyBackedStr>, weights: Vec<i64>) -> PyResult<Self> {
        Self::build(py, &names, &weights, |endpoints| Ring::new(endpoints).map(Algorithm::Ring))
    }

    #[staticmethod]
    fn random(py: Python<'_>, names: Vec<PyBackedStr>, weights: Vec<i64>, seed: u64) -> PyResult<Self> {
        Self::build(py, &names, &weights, |endpoints| Ok(Algorithm::Random(Random::new(endpoints, seed))))
    }

    #[staticmethod]
    fn round_robin(py: Python<'_>, names: Vec<PyBackedStr>, weights: Vec<i64>, seed: u64) -> PyResult<Self> {
        Self::build(py, &names, &weights, |endpoints| RoundRobin::new(endpoints, seed).map(Algorithm::RoundRobin))
    }

    /// The index of the endpoint of a key.
    fn choose(&self, key: &[u8]) -> u32 {
        with!(&self.0, chooser => chooser.choose(key))
    }

    /// The indices of the endpoints of many keys.
    fn choose_each<'py>(&self, py: Python<'py>, keys: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyBytes>> {
        let indices = py.detach(|| with!(&self.0, chooser => choose_each(chooser, &keys)));
        packed(py, &indices)
    }

    /// The indices of the endpoints of many keys of the same length, one after the other.
    fn choose_packed<'py>(
        &self,
        py: Python<'py>,
        keys: PyBackedBytes,
        key_size: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let indices = py
            .detach(|| with!(&self.0, chooser => choose_packed(chooser, &keys, key_size)))
            .map_err(|error| refused(&error))?;
        packed(py, &indices)
    }

    /// The indices of the endpoints that bid most for a key; only rendezvous hashing has bids.
    fn top(&self, key: &[u8], count: usize) -> PyResult<Vec<u32>> {
        match &self.0 {
            Algorithm::Rendezvous(rendezvous) => Ok(rendezvous.top(key, count)),
            _ => Err(PyTypeError::new_err("only rendezvous hashing ranks endpoints")),
        }
    }

    /// For each slot the index of its endpoint; only Maglev hashing has slots.
    fn slots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        packed(py, self.as_maglev()?.slots())
    }

    /// The slot of a key; only Maglev hashing has slots.
    fn slot(&self, key: &[u8]) -> PyResult<u32> {
        Ok(self.as_maglev()?.slot(key))
    }

    /// The last of the hashes of each arc and the index of its endpoint; only Maglev hashing and rings have arcs.
    fn arcs(&self) -> PyResult<Vec<(u32, u32)>> {
        match &self.0 {
            Algorithm::Maglev(maglev) => Ok(maglev.arcs()),
            Algorithm::Ring(ring) => Ok(ring.arcs()),
            _ => Err(PyTypeError::new_err("only tables and rings have arcs")),
        }
    }
}

impl Chooser {
    fn build(
        py: Python<'_>,
        names: &[PyBackedStr],
        weights: &[i64],
        build: impl FnOnce(&Endpoints<'_>) -> Result<Algorithm, HashingError> + Send,
    ) -> PyResult<Self> {
        let weights = small_weights(weights)?;
        py.detach(|| build(&Endpoints::new(names, &weights)?)).map(Self).map_err(|error| refused(&error))
    }

    fn as_maglev(&self) -> PyResult<&Maglev> {
        match &self.0 {
            Algorithm::Maglev(maglev) => Ok(maglev),
            _ => Err(PyTypeError::new_err("only Maglev hashing has slots")),
        }
    }
}

fn packed<'py>(py: Python<'py>, numbers: &[u32]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, size_of_val(numbers), |bytes| {
        for (bytes, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            bytes.copy_from_slice(&number.to_ne_bytes());
        }
        Ok(())
    })
}

fn small_weights(weights: &[i64]) -> PyResult<Vec<u16>> {
    let small = |weight: &i64| {
        u16::try_from(*weight).map_err(|_| PyValueError::new_err(format!("weight {weight} is not from 0 to 65535")))
    };
    weights.iter().map(small).collect()
}

fn refused(error: &HashingError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

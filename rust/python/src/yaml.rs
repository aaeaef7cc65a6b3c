//! YAML: `svcc_core::yaml` with values of Python.

use std::hash::BuildHasher;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use rustc_hash::FxBuildHasher;
use svcc_core::yaml::{self, Chunk, Limits, Problem, Rule, Scalar, Step, Values};

/// Strings that are kept at hand, because the same come again and again.
const KEPT_STRINGS: usize = 4096;
const LONGEST_KEPT: usize = 64;

/// Text (none if it is the whole text), line, flaws, spans and documents, see `svcc.manifest.yaml_reader`.
type ChunkRow<'py> = (
    Option<Bound<'py, PyString>>,
    usize,
    Vec<usize>,
    Vec<usize>,
    Bound<'py, PyDict>,
    Vec<(Bound<'py, PyAny>, usize, usize, usize, usize)>,
);
/// Rule, line, detail, path and value.
type ProblemRow<'py> = (&'static str, usize, String, Bound<'py, PyTuple>, Option<String>);

/// The parts of a text in UTF-8 (halves of surrogate pairs encoded like characters) that are read on their own, and
/// what is wrong with it.
#[pyfunction]
pub(crate) fn read_yaml<'py>(
    py: Python<'py>,
    text: &[u8],
    depth: usize,
    aliased_nodes: usize,
) -> PyResult<(Vec<ChunkRow<'py>>, Vec<ProblemRow<'py>>)> {
    let mut values = PythonValues { py, kept: vec![None; KEPT_STRINGS] };
    let (chunks, problems) = yaml::read(&mut values, text, &Limits { depth, aliased_nodes })?;
    let chunks = chunks.into_iter().map(|chunk| chunk_row(py, chunk, text.len())).collect::<PyResult<_>>()?;
    let problems = problems.into_iter().map(|problem| problem_row(py, problem)).collect::<PyResult<_>>()?;
    Ok((chunks, problems))
}

/// The row (0 is the first) of the field that `path` leads to, or of its nearest parent that is written.
#[pyfunction]
pub(crate) fn yaml_row(text: &str, path: Vec<PathStep>) -> usize {
    yaml::row_of(text, &steps(path))
}

/// Row, column, start and end of the elements of the list that `path` leads to, see `svcc.manifest.yaml_places`.
#[pyfunction]
pub(crate) fn yaml_elements(text: &str, path: Vec<PathStep>) -> Vec<(usize, usize, usize, usize)> {
    let found = yaml::elements_of(text, &steps(path)).into_iter();
    found.map(|span| (span.row, span.column, span.start, span.end)).collect()
}

fn steps(path: Vec<PathStep>) -> Vec<Step> {
    let steps = path.into_iter().map(|step| match step {
        PathStep::Index(index) => Step::Index(index),
        PathStep::Name(name) => Step::Name(name),
    });
    steps.collect()
}

#[derive(FromPyObject)]
pub(crate) enum PathStep {
    Index(usize),
    Name(String),
}

struct PythonValues<'py> {
    py: Python<'py>,
    /// By a part of their hash; another with the same takes the place.
    kept: Vec<Option<Bound<'py, PyString>>>,
}

impl<'py> PythonValues<'py> {
    fn text(&mut self, text: &str) -> PyResult<Bound<'py, PyAny>> {
        if text.len() > LONGEST_KEPT {
            return Ok(PyString::new(self.py, text).into_any());
        }
        let hash = FxBuildHasher.hash_one(text);
        let place = usize::try_from(hash >> 20).unwrap_or(0) % KEPT_STRINGS;
        if let Some(kept) = &self.kept[place]
            && kept.to_str()? == text
        {
            return Ok(kept.clone().into_any());
        }
        let made = PyString::new(self.py, text);
        self.kept[place] = Some(made.clone());
        Ok(made.into_any())
    }
}

impl<'py> Values for PythonValues<'py> {
    type Value = Bound<'py, PyAny>;
    type Key = Bound<'py, PyString>;
    type Error = PyErr;

    fn scalar(&mut self, scalar: Scalar<'_>) -> PyResult<Self::Value> {
        Ok(match scalar {
            Scalar::Null => self.py.None().into_bound(self.py),
            Scalar::Bool(value) => PyBool::new(self.py, value).to_owned().into_any(),
            Scalar::Integer(value) => match i64::try_from(value) {
                Ok(value) => PyInt::new(self.py, value).into_any(),
                Err(_) => value.into_pyobject(self.py)?.into_any(),
            },
            Scalar::Float(value) => PyFloat::new(self.py, value).into_any(),
            Scalar::Text(text) => self.text(text)?,
        })
    }

    fn key(&mut self, name: &str) -> PyResult<Self::Key> {
        Ok(PyString::intern(self.py, name))
    }

    fn list(&mut self, values: Vec<Self::Value>) -> PyResult<Self::Value> {
        Ok(PyList::new(self.py, values)?.into_any())
    }

    fn mapping(&mut self) -> PyResult<Self::Value> {
        Ok(PyDict::new(self.py).into_any())
    }

    fn insert(&mut self, mapping: &Self::Value, key: &Self::Key, value: Self::Value) -> PyResult<()> {
        mapping.cast::<PyDict>()?.set_item(key, value)
    }

    fn holds(&mut self, mapping: &Self::Value, key: &Self::Key) -> PyResult<bool> {
        mapping.cast::<PyDict>()?.contains(key)
    }

    fn names(&mut self, mapping: &Self::Value) -> PyResult<Vec<String>> {
        mapping.cast::<PyDict>()?.iter().map(|(name, _)| name.extract()).collect()
    }

    fn merge(&mut self, mapping: &Self::Value, part: &Self::Value) -> PyResult<()> {
        mapping.cast::<PyDict>()?.update(part.cast::<PyDict>()?.as_mapping())
    }

    fn mappings(&mut self, value: &Self::Value) -> PyResult<Option<Vec<Self::Value>>> {
        if value.is_instance_of::<PyDict>() {
            return Ok(Some(vec![value.clone()]));
        }
        let Ok(list) = value.cast::<PyList>() else { return Ok(None) };
        let parts: Vec<_> = list.iter().collect();
        Ok(parts.iter().all(PyAnyMethods::is_instance_of::<PyDict>).then_some(parts))
    }

    fn is_null(&self, value: &Self::Value) -> bool {
        value.is_none()
    }
}

fn chunk_row<'py>(py: Python<'py>, chunk: Chunk<'_, Bound<'py, PyAny>>, whole: usize) -> PyResult<ChunkRow<'py>> {
    let spans = PyDict::new(py);
    for (value, places) in chunk.spans {
        let places: Vec<_> = places.iter().map(|span| (span.row, span.column, span.start, span.end)).collect();
        // The value is kept beside its places, so that its identity stays its own.
        spans.set_item(value.as_ptr().addr(), (value, places))?;
    }
    let documents = chunk.documents.into_iter();
    let documents = documents.map(|found| (found.value, found.line, found.start, found.end, found.column)).collect();
    let text = (chunk.text.len() < whole).then(|| PyString::new(py, &chunk.text));
    Ok((text, chunk.line, chunk.flaws, chunk.changed, spans, documents))
}

fn problem_row(py: Python<'_>, problem: Problem) -> PyResult<ProblemRow<'_>> {
    let rule = match problem.rule {
        Rule::YamlSyntax => "yaml-syntax",
        Rule::DuplicateKey => "duplicate-key",
        Rule::YamlValue => "yaml-value",
        Rule::TooDeep => "too-deep",
        Rule::TooLarge => "too-large",
    };
    let words = problem.words;
    let quoted = match words.quoted {
        Some(quoted) => PyString::new(py, &quoted).repr()?.to_string(),
        None => String::new(),
    };
    let path = problem.path.into_iter().map(|step| match step {
        Step::Name(name) => Ok(PyString::new(py, &name).into_any()),
        Step::Index(index) => Ok(index.into_pyobject(py)?.into_any()),
    });
    let path = PyTuple::new(py, path.collect::<PyResult<Vec<_>>>()?)?;
    Ok((rule, problem.line, format!("{}{quoted}{}", words.before, words.after), path, problem.value))
}

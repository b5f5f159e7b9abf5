//! The stack machine that a pickle is a program for, with those opcodes only that make plain data.

use std::collections::HashMap;

use super::error::ReadError;
use super::tree::{Id, Node, Tree};

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// The opcode in front, followed by the protocol's number.
pub(super) const PROTO: u8 = 0x80;
/// The opcode at the end.
pub(super) const STOP: u8 = b'.';

/// Runs the program; all of `bytes` must be used.
pub(super) fn parse(bytes: &[u8]) -> Result<Tree<'_>> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        nodes: Vec::new(),
        memo: HashMap::new(),
    };
    let [PROTO, 2..=5] = machine.array()? else {
        return Err(ReadError::new("expected a pickle of protocol 2 to 5"));
    };
    while machine.step()? {}
    if machine.at < bytes.len() {
        return Err(machine.refused("bytes follow the value"));
    }
    match (&machine.stack[..], &machine.marks[..]) {
        (&[root], []) => Ok(Tree { nodes: machine.nodes, root }),
        _ => Err(machine.refused("expected one value")),
    }
}

struct Machine<'de> {
    bytes: &'de [u8],
    at: usize,
    stack: Vec<Id>,
    /// Where in the stack the marks are.
    marks: Vec<usize>,
    nodes: Vec<Node<'de>>,
    memo: HashMap<u32, Id>,
}

impl<'de> Machine<'de> {
    /// Runs one opcode; false after the last.
    fn step(&mut self) -> Result<bool> {
        let [opcode] = self.array()?;
        match opcode {
            STOP => return Ok(false),
            0x95 => drop(self.array::<8>()?), // FRAME
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'K' => self.int::<1, false>()?,
            b'M' => self.int::<2, false>()?,
            b'J' => self.int::<4, true>()?,
            0x8a => self.long()?,
            b'G' => {
                let float = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(float))?;
            }
            0x8c => self.text::<1>()?,
            b'X' => self.text::<4>()?,
            0x8d => self.text::<8>()?,
            b'C' => self.byte_string::<1>()?,
            b'B' => self.byte_string::<4>()?,
            0x8e | 0x96 => self.byte_string::<8>()?,
            b']' | b')' | 0x8f => self.push(Node::List(Vec::new()))?,
            b'l' | b't' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }
            b'q' => {
                let [number] = self.array()?;
                self.memoize(number.into())?;
            }
            b'r' => {
                let number = u32::from_le_bytes(self.array()?);
                self.memoize(number)?;
            }
            0x94 => self.memoize(self.memo.len() as u32)?,
            b'h' => {
                let [number] = self.array()?;
                self.recall(number.into())?;
            }
            b'j' => {
                let number = u32::from_le_bytes(self.array()?);
                self.recall(number)?;
            }
            b'c' | 0x93 | b'R' | b'b' | b'i' | b'o' | 0x81 | 0x92 | b'P' | b'Q' | 0x82..=0x84 => {
                return Err(self.refused("an object of a class: only plain data is read"));
            }
            _ => return Err(self.refused("not an opcode of plain data")),
        }
        Ok(true)
    }

    fn refused(&self, reason: &str) -> ReadError {
        ReadError::at(self.at, reason)
    }

    fn take(&mut self, len: usize) -> Result<&'de [u8]> {
        let taken = self.bytes[self.at..]
            .get(..len)
            .ok_or_else(|| self.refused("the bytes end before the value does"))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A string of bytes behind its length in `N` bytes.
    fn counted<const N: usize>(&mut self) -> Result<&'de [u8]> {
        let mut len = [0; 8];
        len[..N].copy_from_slice(self.take(N)?);
        // A length beyond `usize` is beyond the end as well.
        self.take(usize::try_from(u64::from_le_bytes(len)).unwrap_or(usize::MAX))
    }

    fn push(&mut self, node: Node<'de>) -> Result<()> {
        let id = Id::try_from(self.nodes.len()).map_err(|_| self.refused("too many objects"))?;
        self.nodes.push(node);
        self.stack.push(id);
        Ok(())
    }

    fn int<const N: usize, const SIGNED: bool>(&mut self) -> Result<()> {
        let bytes = self.array::<N>()?;
        self.push(Node::Int(integer(&bytes, SIGNED)))
    }

    fn long(&mut self) -> Result<()> {
        let bytes = self.counted::<1>()?;
        if bytes.len() > 16 {
            return Err(self.refused("expected an integer of at most 128 bits"));
        }
        self.push(Node::Int(integer(bytes, true)))
    }

    fn text<const N: usize>(&mut self) -> Result<()> {
        let bytes = self.counted::<N>()?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.refused("expected UTF-8 text"))?;
        self.push(Node::Text(text))
    }

    fn byte_string<const N: usize>(&mut self) -> Result<()> {
        let bytes = self.counted::<N>()?;
        self.push(Node::Bytes(bytes))
    }

    fn tuple(&mut self, len: usize) -> Result<()> {
        let start = self.above_mark(len)?;
        let items = self.stack.split_off(start);
        self.push(Node::List(items))
    }

    /// Where the topmost `len` objects begin, none of which may be below a mark.
    fn above_mark(&self, len: usize) -> Result<usize> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= floor);
        start.ok_or_else(|| self.refused("expected one more value on the stack"))
    }

    fn pop(&mut self) -> Result<Id> {
        let start = self.above_mark(1)?;
        Ok(self.stack.split_off(start)[0])
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.refused("expected a mark on the stack"))?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Id> {
        Ok(self.stack[self.above_mark(1)?])
    }

    fn append(&mut self, items: Vec<Id>) -> Result<()> {
        let id = self.top()?;
        match &mut self.nodes[id as usize] {
            Node::List(list) if list.is_empty() => *list = items,
            Node::List(list) => list.extend(items),
            _ => return Err(self.refused("expected a list on the stack")),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<()> {
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err(self.refused("expected a value for each key"));
        };
        let id = self.top()?;
        match &mut self.nodes[id as usize] {
            Node::Dict(entries) => entries.extend(pairs.iter().map(|&[key, value]| (key, value))),
            _ => return Err(self.refused("expected a dict on the stack")),
        }
        Ok(())
    }

    fn memoize(&mut self, number: u32) -> Result<()> {
        let id = self.top()?;
        self.memo.insert(number, id);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<()> {
        let id = *self.memo.get(&number).ok_or_else(|| self.refused("expected an object that was kept"))?;
        self.stack.push(id);
        Ok(())
    }
}

/// Little-endian bytes, at most 16, as a number.
fn integer(bytes: &[u8], signed: bool) -> i128 {
    let negative = signed && bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut extended = [if negative { 0xFF } else { 0 }; 16];
    extended[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(extended)
}

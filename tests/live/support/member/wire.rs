//! MongoDB's wire protocol, as far as drivers speak it today: OP_MSG, and OP_QUERY for the first greeting.

use mongodb::bson::{Bson, Document};
use std::io::{Cursor, Error, ErrorKind, Read, Write};
use std::net::TcpStream;

const REPLY: i32 = 1;
const QUERY: i32 = 2004;
const MSG: i32 = 2013;

/// Bytes of a header: length, number, number answered, kind.
const HEADER: usize = 16;

/// Answers the commands of one connection until it ends, or there is no answer.
pub fn serve(mut link: TcpStream, mut answer: impl FnMut(&Document) -> Option<Document>) {
    // Small answers are not to wait for more; an error says that the other side has gone.
    let _ = link.set_nodelay(true);
    while let Ok((kind, number, body)) = message(&mut link) {
        let command = command(kind, &body).unwrap_or_else(|e| panic!("a message that cannot be read: {e}"));
        let Some(answer) = answer(&command) else { break };
        let answer = answer.to_vec().expect("an answer is BSON");
        let (kind, head) = match kind {
            // Flags, cursor, place of the first document, number of documents.
            QUERY => (
                REPLY,
                [8_i32, 0, 0, 0, 1].iter().flat_map(|n| n.to_le_bytes()).collect(),
            ),
            // Flags, and a section of one document.
            _ => (MSG, vec![0; 5]),
        };
        let length = (HEADER + head.len() + answer.len()) as i32;
        let mut bytes: Vec<u8> = [length, 0, number, kind]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        bytes.extend(head);
        bytes.extend(answer);
        if link.write_all(&bytes).is_err() {
            break;
        }
    }
    // An error says that the other side was quicker.
    let _ = link.shutdown(std::net::Shutdown::Both);
}

/// Kind, number and body of the next message.
fn message(link: &mut TcpStream) -> std::io::Result<(i32, i32, Vec<u8>)> {
    let mut header = [0; HEADER];
    link.read_exact(&mut header)?;
    let field = |n: usize| i32::from_le_bytes(header[4 * n..4 * n + 4].try_into().expect("four bytes"));
    let mut body = vec![0; (field(0) as usize).saturating_sub(HEADER)];
    link.read_exact(&mut body)?;
    Ok((field(3), field(1), body))
}

fn command(kind: i32, body: &[u8]) -> std::io::Result<Document> {
    let read = |at: &mut Cursor<&[u8]>| Document::from_reader(at).map_err(Error::other);
    match kind {
        QUERY => {
            let name = body[4..].iter().position(|b| *b == 0);
            let name = name.ok_or(ErrorKind::InvalidData)?;
            read(&mut Cursor::new(&body[4 + name + 1 + 8..]))
        }
        MSG => {
            let mut at = Cursor::new(&body[4..]);
            let mut command = Document::new();
            let mut section = [0];
            while at.read(&mut section)? == 1 {
                if section[0] == 0 {
                    command.extend(read(&mut at)?);
                    continue;
                }
                let mut length = [0; 4];
                at.read_exact(&mut length)?;
                let end = at.position() + i32::from_le_bytes(length) as u64 - 4;
                let mut name = Vec::new();
                while at.read(&mut section)? == 1 && section[0] != 0 {
                    name.push(section[0]);
                }
                let mut documents = Vec::new();
                while at.position() < end {
                    documents.push(Bson::Document(read(&mut at)?));
                }
                command.insert(String::from_utf8_lossy(&name).into_owned(), documents);
            }
            Ok(command)
        }
        _ => Err(ErrorKind::Unsupported.into()),
    }
}

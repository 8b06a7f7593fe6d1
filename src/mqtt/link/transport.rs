//! The stream of bytes between this process and a broker.

use std::io;

use bytes::BytesMut;
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

#[cfg(test)]
use crate::mqtt::simulation::Pipe;

/// The stream of bytes to a broker. Every operation but [`Transport::ready`] is non-blocking. One thread may read while another
/// one writes.
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// A connection of the simulation.
    #[cfg(test)]
    Memory(Pipe),
}

/// Calls the same method on the stream, whichever kind it is.
macro_rules! of_either {
    ($self:ident, $transport:ident => $call:expr) => {
        match $self {
            Transport::Tcp($transport) => $call,
            #[cfg(unix)]
            Transport::Unix($transport) => $call,
            #[cfg(test)]
            Transport::Memory($transport) => $call,
        }
    };
}

impl Transport {
    /// Appends what has come, as far as there is room in `input`, and returns its length; 0 is the end of the stream.
    pub fn try_read_buf(&self, input: &mut BytesMut) -> io::Result<usize> {
        of_either!(self, transport => transport.try_read_buf(input))
    }

    /// Reads into a slice like [`Transport::try_read_buf`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        of_either!(self, transport => transport.try_read(buffer))
    }

    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        of_either!(self, transport => transport.try_write(bytes))
    }

    pub fn try_write_vectored(&self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        of_either!(self, transport => transport.try_write_vectored(slices))
    }

    /// Waits until reading or writing may go on, whichever is asked for.
    pub async fn ready(&self, interest: Interest) -> io::Result<()> {
        of_either!(self, transport => transport.ready(interest).await.map(drop))
    }

    /// Has TCP acknowledge the next bytes at once, on systems where that is possible. Elsewhere everything works, only later.
    pub fn acknowledge_at_once(&self) {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Transport::Tcp(tcp) => drop(tcp.set_quickack(true)),
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Transport::Tcp(_) => {}
            #[cfg(unix)]
            Transport::Unix(_) => {}
            #[cfg(test)]
            Transport::Memory(_) => {}
        }
    }

    /// Lets other threads append. A simulation has only one thread, and on a busy machine it would just lose its turn.
    pub fn let_others_append(&self) {
        match self {
            Transport::Tcp(_) => std::thread::yield_now(),
            #[cfg(unix)]
            Transport::Unix(_) => std::thread::yield_now(),
            #[cfg(test)]
            Transport::Memory(_) => {}
        }
    }

    /// Returns the TCP connection on which TLS begins.
    pub fn into_tcp(self) -> io::Result<TcpStream> {
        match self {
            Transport::Tcp(tcp) => Ok(tcp),
            #[cfg(unix)]
            Transport::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(test)]
            Transport::Memory(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl From<TcpStream> for Transport {
    fn from(tcp: TcpStream) -> Transport {
        Transport::Tcp(tcp)
    }
}

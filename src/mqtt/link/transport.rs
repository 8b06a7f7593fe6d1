//! The stream of bytes between this process and a broker.

use std::io;

use bytes::BytesMut;
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

#[cfg(test)]
use crate::mqtt::simulation::Pipe;

/// Every operation but [`Transport::ready`] is non-blocking. Reading and writing may happen on different threads at a time.
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// A connection of the simulation.
    #[cfg(test)]
    Memory(Pipe),
}

/// Calls the same method of whichever stream it is.
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
    /// Appends what has come, as far as there is room in `input`: 0 is the end of the stream.
    pub fn try_read_buf(&self, input: &mut BytesMut) -> io::Result<usize> {
        of_either!(self, transport => transport.try_read_buf(input))
    }

    /// The same into a slice.
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

    /// Where it is known how; without it everything works, and later.
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

    /// A simulation has one thread; on a busy machine it would only lose its turn.
    pub fn let_others_append(&self) {
        match self {
            Transport::Tcp(_) => std::thread::yield_now(),
            #[cfg(unix)]
            Transport::Unix(_) => std::thread::yield_now(),
            #[cfg(test)]
            Transport::Memory(_) => {}
        }
    }

    /// The TCP connection that TLS begins on.
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

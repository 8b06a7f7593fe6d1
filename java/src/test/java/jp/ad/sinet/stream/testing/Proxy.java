package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** A network between client and broker that fails as the test asks. Closing it cuts every connection. */
public final class Proxy implements AutoCloseable {
    private final ServerSocket server;
    private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
    private final AtomicInteger connections = new AtomicInteger();
    private final AtomicBoolean truncate = new AtomicBoolean();
    private volatile int target;
    private volatile boolean shut;
    private volatile boolean stalled;

    public Proxy(int target) throws IOException {
        this.target = target;
        server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        daemon("accept", this::accept);
    }

    public String address() {
        return "127.0.0.1:" + server.getLocalPort();
    }

    /** Returns how many connections were forwarded. */
    public int connections() {
        return connections.get();
    }

    /** Sets the port for new connections. */
    public void target(int port) {
        target = port;
    }

    /** Cuts every connection. Returns true when there was one. */
    public boolean cut() {
        boolean any = false;
        for (Socket socket : sockets) {
            any = true;
            close(socket);
        }
        return any;
    }

    /** Refuses new connections, or accepts them again; existing ones are cut. */
    public void shut(boolean shut) {
        this.shut = shut;
        if (shut) {
            cut();
        }
    }

    /** Stops forwarding, or continues it. */
    public void stall(boolean stalled) {
        this.stalled = stalled;
    }

    /** Cuts the next chunk in its middle, and its connection. */
    public void truncate() {
        truncate.set(true);
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                if (shut) {
                    client.close();
                    continue;
                }
                Socket broker;
                try {
                    broker = new Socket(InetAddress.getLoopbackAddress(), target);
                } catch (IOException e) {
                    client.close(); // the broker is down, and the client would wait for an answer
                    continue;
                }
                connections.incrementAndGet();
                for (Socket socket : new Socket[] {client, broker}) {
                    socket.setTcpNoDelay(true);
                    sockets.add(socket);
                }
                daemon("to broker", () -> pump(client, broker));
                daemon("to client", () -> pump(broker, client));
            } catch (IOException e) {
                // the proxy is closed
            }
        }
    }

    private void pump(Socket from, Socket to) {
        byte[] buffer = new byte[16 * 1024];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            int length = in.read(buffer);
            while (length >= 0) {
                while (stalled && !server.isClosed()) {
                    Thread.sleep(1);
                }
                if (length > 1 && truncate.compareAndSet(true, false)) {
                    out.write(buffer, 0, length / 2);
                    break;
                }
                out.write(buffer, 0, length);
                length = in.read(buffer);
            }
        } catch (IOException | InterruptedException e) {
            // cut
        }
        close(from);
        close(to);
    }

    private void close(Socket socket) {
        sockets.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // the connection is gone all the same
        }
    }

    private static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, "proxy " + name);
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        server.close();
        cut();
    }
}

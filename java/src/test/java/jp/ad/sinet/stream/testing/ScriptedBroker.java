package jp.ad.sinet.stream.testing;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A broker that behaves as no real one does: it does not answer, refuses, or never acknowledges. */
public final class ScriptedBroker implements AutoCloseable {
    /** The behaviour on a connection, which is closed at the end of the script. */
    public interface Script {
        void serve(Connection connection) throws IOException;
    }

    /** The answers of a test that replace the default ones. */
    public interface Answers {
        /** Returns the answer to a packet; null means the default one. */
        List<Packet> to(Packet packet);
    }

    private final ServerSocket listener;
    private final Script script;
    private final List<Connection> connections = new CopyOnWriteArrayList<>();
    private final List<Packet> received = new CopyOnWriteArrayList<>();

    public ScriptedBroker(Script script) {
        this.script = script;
        try {
            listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        daemon(this::accept);
    }

    /** Makes a broker that accepts connections and answers nothing. */
    public static ScriptedBroker silent() {
        return new ScriptedBroker(connection -> {
            while (true) {
                connection.read();
            }
        });
    }

    /** Makes a broker that answers CONNECT with a code, and after code 0 nothing more. */
    public static ScriptedBroker connack(int code) {
        return new ScriptedBroker(connection -> {
            connection.read();
            connection.send(Packet.of(Packet.CONNACK, 0, code));
            while (code == 0) {
                connection.read();
            }
        });
    }

    /** Makes a broker that accepts every login, answers subscriptions with a code and pings, and acknowledges no message. */
    public static ScriptedBroker neverAcknowledging(int subackCode) {
        return new ScriptedBroker(connection -> {
            while (true) {
                Packet packet = connection.read();
                if (packet.type() == Packet.CONNECT) {
                    connection.send(Packet.of(Packet.CONNACK, 0, 0));
                } else if (packet.type() == Packet.PINGREQ) {
                    connection.send(Packet.of(Packet.PINGRESP));
                } else if (packet.type() == Packet.SUBSCRIBE) {
                    int[] suback = new int[2 + packet.filters()];
                    Arrays.fill(suback, subackCode);
                    suback[0] = packet.id() >> 8;
                    suback[1] = packet.id();
                    connection.send(Packet.of(Packet.SUBACK, suback));
                }
            }
        });
    }

    public static ScriptedBroker neverAcknowledging() {
        return neverAcknowledging(0);
    }

    /**
     * Makes a broker for MQTT 5 that accepts everything that the test does not answer. After a refusal it closes the
     * connection.
     */
    public static ScriptedBroker mqtt5(Answers answers) {
        return new ScriptedBroker(connection -> {
            boolean goesOn = true;
            while (goesOn) {
                Packet packet = connection.read();
                List<Packet> answer = answers.to(packet);
                for (Packet each : answer == null ? usual5(packet) : answer) {
                    connection.send(each);
                    goesOn &= each.type() != Packet.DISCONNECT
                            && (each.type() != Packet.CONNACK || each.body()[1] == 0);
                }
            }
        });
    }

    /** Returns the default answer of {@link #mqtt5} to a packet, which accepts it. */
    public static List<Packet> usual5(Packet packet) {
        PacketProperties none = new PacketProperties();
        switch (packet.type()) {
            case Packet.CONNECT:
                return List.of(Packet.connack5(0, none));
            case Packet.SUBSCRIBE:
                return List.of(Packet.suback5(packet.id(), none, new int[packet.filters5()]));
            case Packet.PUBLISH:
                return packet.qos() == 0 ? List.of()
                        : List.of(Packet.ack5(packet.qos() == 1 ? Packet.PUBACK : Packet.PUBREC, packet.id(), 0, none));
            case Packet.PUBREL:
                return List.of(Packet.ack5(Packet.PUBCOMP, packet.id(), 0, none));
            case Packet.PINGREQ:
                return List.of(Packet.of(Packet.PINGRESP));
            default:
                return List.of();
        }
    }

    private static void daemon(Runnable action) {
        Thread thread = new Thread(action, "scripted broker");
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        try {
            while (true) {
                Connection connection = new Connection(listener.accept());
                connections.add(connection);
                daemon(connection::serve);
            }
        } catch (IOException e) {
            // closed
        }
    }

    /** Returns the address in the form of the parameter {@code brokers}. */
    public String address() {
        return "127.0.0.1:" + listener.getLocalPort();
    }

    /** Returns how many connections there were. */
    public int connections() {
        return connections.size();
    }

    /** Returns how many packets of a type arrived. */
    public int received(int type) {
        return (int) received.stream().filter(packet -> packet.type() == type).count();
    }

    /** Returns the first packet of a type that arrived. */
    public Packet first(int type) {
        awaitReceived(type);
        return received.stream().filter(packet -> packet.type() == type).findFirst().orElseThrow();
    }

    public void awaitReceived(int type) {
        awaitReceived(type, 1);
    }

    /** Waits until the given number of packets of a type have arrived. */
    public void awaitReceived(int type, int count) {
        Await.until(count + " packets of type " + type, () -> received(type) >= count);
    }

    /** Closes all connections; new ones are still accepted. */
    public void closeConnections() {
        connections.forEach(Connection::close);
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        closeConnections();
    }

    /** The connection of a client. */
    public final class Connection {
        private final Socket socket;
        private final DataInputStream in;

        private Connection(Socket socket) throws IOException {
            this.socket = socket;
            this.in = new DataInputStream(socket.getInputStream());
        }

        private void serve() {
            try {
                script.serve(this);
            } catch (IOException e) {
                // the client is gone
            } finally {
                close();
            }
        }

        /** Returns the next packet; after a DISCONNECT the script ends. */
        public Packet read() throws IOException {
            Packet packet = Packet.read(in);
            received.add(packet);
            if (packet.type() == Packet.DISCONNECT) {
                throw new EOFException();
            }
            return packet;
        }

        public void send(Packet packet) throws IOException {
            packet.write(socket.getOutputStream());
        }

        private void close() {
            try {
                socket.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}

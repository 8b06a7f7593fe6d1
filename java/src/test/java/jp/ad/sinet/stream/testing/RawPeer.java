package jp.ad.sinet.stream.testing;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.Socket;

/** An MQTT client that publishes arbitrary bytes to a broker without login. */
public final class RawPeer implements AutoCloseable {
    private final Socket socket;

    public RawPeer(Broker broker) throws IOException {
        socket = new Socket("127.0.0.1", broker.openPort());
        Packet.connect("raw-peer").write(socket.getOutputStream());
        Packet answer = Packet.read(new DataInputStream(socket.getInputStream()));
        if (answer.type() != Packet.CONNACK || answer.body()[1] != 0) {
            throw new IOException("not connected");
        }
    }

    public void publish(String topic, byte[] payload) throws IOException {
        Packet.publish(topic, payload).write(socket.getOutputStream());
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** Asks the feeder for messages, and tells it how many have come, so that it stays ahead by a bounded number. */
final class Feeding implements AutoCloseable {
    private final Socket socket;
    private long told;

    /** To be made when subscribed: the feeder starts at once. */
    Feeding(String address, Row row) throws IOException {
        String[] parts = address.split(":");
        socket = new Socket(parts[0], Integer.parseInt(parts[1]));
        socket.setTcpNoDelay(true);
        send(row.readTopic() + " " + row.qos + " " + row.size);
    }

    void tell(long messages) throws IOException {
        if (messages == told) return;
        told = messages;
        send(Long.toString(messages));
    }

    private void send(String line) throws IOException {
        socket.getOutputStream().write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    /** The feeder stops. */
    @Override
    public void close() throws IOException {
        socket.close();
    }
}

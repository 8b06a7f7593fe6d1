import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import kafka.tools.StorageTool;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;

/**
 * Runs Kafka with one node, on two ports and the one after them: {@code Broker PORT TLS_PORT DATA_FOLDER CERTIFICATES_FOLDER}.
 * The second port requires a client certificate of the authority in the last folder.
 */
public final class Broker {
    private Broker() {
    }

    public static void main(String[] args) throws Exception {
        Path file = Path.of(args[2], "server.properties");
        Files.writeString(file, properties(args[0], args[1], Path.of(args[2]), Path.of(args[3])));
        int formatted = StorageTool.execute(
                new String[] {"format", "-t", Uuid.randomUuid().toString(), "-c", file.toString()}, System.out);
        if (formatted != 0) {
            System.exit(formatted);
        }
        Thread broker = new Thread(() -> kafka.Kafka.main(new String[] {file.toString()}), "kafka");
        broker.start();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", "127.0.0.1:" + args[0],
                "default.api.timeout.ms", "110000"))) {
            admin.describeCluster().nodes().get(110, TimeUnit.SECONDS);
        }
        System.out.println("ready");
        broker.join();
    }

    private static String properties(String port, String tlsPort, Path data, Path certificates) throws IOException {
        int controllerPort = Integer.parseInt(tlsPort) + 1;
        Path own = data.resolve("own.pem");
        Files.writeString(own, Files.readString(certificates.resolve("server.key"))
                + Files.readString(certificates.resolve("server.crt")));
        return String.join("\n",
                "process.roles=broker,controller",
                "node.id=1",
                "controller.quorum.voters=1@127.0.0.1:" + controllerPort,
                "controller.listener.names=CONTROLLER",
                "listeners=PLAINTEXT://127.0.0.1:" + port + ",SSL://127.0.0.1:" + tlsPort + ",CONTROLLER://127.0.0.1:" + controllerPort,
                "advertised.listeners=PLAINTEXT://127.0.0.1:" + port + ",SSL://127.0.0.1:" + tlsPort,
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT",
                "ssl.client.auth=required",
                "ssl.keystore.type=PEM",
                "ssl.keystore.location=" + own,
                "ssl.truststore.type=PEM",
                "ssl.truststore.location=" + certificates.resolve("ca.crt"),
                "log.dirs=" + data.resolve("log"),
                "num.partitions=1",
                // There is only one node, and a client that joins a group must not wait for others.
                "offsets.topic.replication.factor=1",
                "offsets.topic.num.partitions=1",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "share.coordinator.state.topic.replication.factor=1",
                "share.coordinator.state.topic.min.isr=1",
                "group.initial.rebalance.delay.ms=0",
                "");
    }
}

import io.moquette.broker.Server;
import io.moquette.broker.config.MemoryConfig;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/** Runs Moquette with one user, on two ports: Broker PORT WEBSOCKET_PORT DATA_FOLDER. */
public final class Broker {
    private Broker() {
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("host", "127.0.0.1");
        properties.setProperty("port", args[0]);
        properties.setProperty("websocket_port", args[1]);
        properties.setProperty("data_path", args[2]);
        properties.setProperty("persistence_enabled", "false");
        properties.setProperty("telemetry_enabled", "false");
        properties.setProperty("allow_anonymous", "false");
        Server server = new Server();
        server.startServer(new MemoryConfig(properties), null, null,
                (client, user, password) -> "user01".equals(user) && password != null
                        && "user01-pass".equals(new String(password, StandardCharsets.UTF_8)),
                null);
        System.out.println("ready");
    }
}

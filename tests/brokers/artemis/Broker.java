import java.io.File;
import java.util.List;
import java.util.Set;
import org.apache.activemq.artemis.core.config.ClusterConnectionConfiguration;
import org.apache.activemq.artemis.core.config.Configuration;
import org.apache.activemq.artemis.core.config.impl.ConfigurationImpl;
import org.apache.activemq.artemis.core.security.CheckType;
import org.apache.activemq.artemis.core.security.Role;
import org.apache.activemq.artemis.core.server.cluster.impl.MessageLoadBalancingType;
import org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ;
import org.apache.activemq.artemis.core.settings.impl.AddressSettings;
import org.apache.activemq.artemis.spi.core.security.ActiveMQSecurityManager;

/**
 * Runs Artemis with one user, on two ports: Broker PORT WEBSOCKET_PORT DATA_FOLDER. With two further ports, it is one of two
 * nodes of a cluster: NODE_PORT PEER_PORT.
 */
public final class Broker {
    private Broker() {
    }

    public static void main(String[] args) throws Exception {
        Configuration configuration = new ConfigurationImpl()
                .setPersistenceEnabled(false)
                .setJournalDirectory(new File(args[2], "journal").getPath())
                .setBindingsDirectory(new File(args[2], "bindings").getPath())
                .setPagingDirectory(new File(args[2], "paging").getPath())
                .setLargeMessagesDirectory(new File(args[2], "large").getPath())
                .setMaxDiskUsage(100)
                .addAddressSetting("#", new AddressSettings().setRedistributionDelay(0))
                .addAcceptorConfiguration("mqtt", "tcp://127.0.0.1:" + args[0] + "?protocols=MQTT")
                .addAcceptorConfiguration("web", "tcp://127.0.0.1:" + args[1] + "?protocols=MQTT");
        if (args.length > 3) {
            String node = "tcp://127.0.0.1:" + args[3];
            configuration.addAcceptorConfiguration("node", node + "?protocols=CORE")
                    .addConnectorConfiguration("node", node)
                    .addConnectorConfiguration("peer", "tcp://127.0.0.1:" + args[4])
                    .setClusterUser("node").setClusterPassword("node-pass")
                    .addClusterConfiguration(new ClusterConnectionConfiguration().setName("cluster")
                            .setConnectorName("node").setStaticConnectors(List.of("peer")).setRetryInterval(200)
                            .setMessageLoadBalancingType(MessageLoadBalancingType.ON_DEMAND));
        }
        EmbeddedActiveMQ server = new EmbeddedActiveMQ();
        server.setConfiguration(configuration);
        server.setSecurityManager(new ActiveMQSecurityManager() {
            @Override
            public boolean validateUser(String user, String password) {
                return "user01".equals(user) && "user01-pass".equals(password);
            }

            @Override
            public boolean validateUserAndRole(String user, String password, Set<Role> roles, CheckType type) {
                return validateUser(user, password);
            }
        });
        server.start();
        System.out.println("ready");
    }
}

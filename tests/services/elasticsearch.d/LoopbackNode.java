import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node in this process, until SIGTERM.
 *
 * The server's own main wants files that only Elastic's archive has (the entitlement agent, native libraries) and
 * refuses to run as root, which is who runs most containers of continuous integration. A node itself needs neither.
 *
 * Argument: the folder with elasticsearch.yml. System property es.path.home: the folder with modules/ and plugins/.
 */
public final class LoopbackNode {
    private static final long CLOSE_SECONDS_MAX = 10;

    public static void main(String[] arguments) throws Exception {
        LogConfigurator.registerErrorListener();
        LogConfigurator.configureESLogging();
        Environment environment = environment(Path.of(arguments[0]));
        Node node = new Node(environment, plugins(environment));
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node, ended), "close"));
        node.start();
        ended.await();
    }

    private static Environment environment(Path config) throws Exception {
        Settings home = Settings.builder().put("path.home", System.getProperty("es.path.home")).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(home, Map.of(), config, () -> "node");
        LogConfigurator.setClusterName(environment.settings().get("cluster.name"));
        LogConfigurator.setNodeName(environment.settings().get("node.name"));
        LogConfigurator.configure(environment, true);
        return environment;
    }

    /** The server is on the class path here and no named module: there are no module exports to widen. */
    private static PluginsLoader plugins(Environment environment) throws IOException {
        boolean widensExports = false;
        return PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir(), false),
            PluginsLoader.loadPluginsBundles(environment.pluginsDir(), false),
            Map.of(),
            widensExports
        );
    }

    private static void close(Node node, CountDownLatch ended) {
        try {
            node.prepareForClose();
            node.close();
            node.awaitClose(CLOSE_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (IOException | InterruptedException | RuntimeException error) {
            error.printStackTrace();
        } finally {
            ended.countDown();
        }
    }
}

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * A MongoDB-compatible server for the tests, in memory, that knows nearly every BSON type.
 *
 * <p>Arguments: host and port. With ASSAY_SERVER_GUARD set it ends when its standard input does, so that it cannot outlive whoever
 * started it.
 */
public class Main {
    /** Current drivers refuse the versions that the library has names for. */
    static class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }

    public static void main(String[] args) throws Exception {
        MongoServer server = new MongoServer(new MemoryBackend().version(new Version()));
        server.bind(args[0], Integer.parseInt(args[1]));
        if (System.getenv("ASSAY_SERVER_GUARD") != null) {
            System.in.transferTo(java.io.OutputStream.nullOutputStream());
            server.shutdownNow();
            System.exit(0);
        }
    }
}

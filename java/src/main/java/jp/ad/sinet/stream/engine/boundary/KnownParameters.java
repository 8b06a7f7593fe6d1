package jp.ad.sinet.stream.engine.boundary;

import java.util.LinkedHashMap;
import java.util.Map;

/** The parameters that the engine knows. */
public final class KnownParameters {
    private KnownParameters() {
    }

    /**
     * Asks the engine, whose table determines the parameters of a configuration.
     *
     * @return the names, nested ones as {@code name.inside}, each with a note if the parameter has no effect or is not
     *        supported, otherwise with an empty note
     */
    public static Map<String, String> all() {
        Native.ensureLoaded();
        Object tree = Tree.decode(Native.parameters());
        Map<String, String> all = new LinkedHashMap<>();
        ((Map<?, ?>) tree).forEach((name, note) -> all.put((String) name, (String) note));
        return all;
    }
}

package jp.ad.sinet.stream.engine.plugin;

import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.UnsupportedServiceTypeException;
import jp.ad.sinet.stream.engine.jvm.OrClose;
import jp.ad.sinet.stream.engine.jvm.Plugins;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.spi.SinetMessageProvider;

/** Finds the plugins for messaging systems other than MQTT. */
final class Providers {
    private Providers() {
    }

    /** Returns the first provider of a type that accepts the parameters, or null. */
    static <P extends SinetMessageProvider> P find(Class<P> kind, String type, Map<String, Object> parameters) {
        return Plugins.first(kind, provider -> type.equals(provider.getType()) && provider.isProvider(parameters));
    }

    static UnsupportedServiceTypeException none(String type, String what) {
        return new UnsupportedServiceTypeException("the plugins for type '" + type + "' have no " + what
                + " for these parameters");
    }

    /**
     * Returns what a provider opens. Exceptions of this library are passed on; all others are wrapped in one that names the
     * provider.
     */
    static <V extends PluginMessageIO> V open(SinetMessageProvider provider, String type, Supplier<V> open) {
        String name = name(provider, type);
        V opened = call(name, open);
        if (opened == null) {
            throw new SinetStreamIOException(name + " failed: it returned null");
        }
        return opened;
    }

    /** Returns the client around what a provider has opened, which is closed if this fails. */
    static <V extends PluginMessageIO, R> R around(V plugin, Function<V, R> client) {
        return OrClose.orClose(plugin::close, () -> client.apply(plugin));
    }

    static String name(Object plugin, String type) {
        return "the plugin for type '" + type + "' (" + plugin.getClass().getName() + ")";
    }

    static <V> V call(String plugin, Supplier<V> work) {
        try {
            return work.get();
        } catch (Throwable e) { // a plugin can throw anything
            passOn(e);
            throw failure(plugin, e);
        }
    }

    /** Rethrows a lack of memory, which is not the plugin's failure. */
    static void passOn(Throwable e) {
        if (e instanceof VirtualMachineError) {
            throw (VirtualMachineError) e;
        }
    }

    static SinetStreamException failure(String plugin, Throwable e) {
        return e instanceof SinetStreamException ? (SinetStreamException) e
                : new SinetStreamIOException(plugin + " failed: " + e, e);
    }
}

package jp.ad.sinet.stream.engine.client;

import java.util.Objects;

import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.engine.boundary.Native;

/** A writer's serializer, and the translation of its failures for the caller. */
public final class Serializing<T> {
    public final Serializer<T> serializer;

    public Serializing(Serializer<T> serializer) {
        this.serializer = serializer;
    }

    private ClassCastException explained(ClassCastException e, Object message) {
        Class<?> taken = ValueClass.takenBy(serializer);
        if (taken.isInstance(message)) {
            return e; // the serializer itself chose this exception
        }
        ClassCastException explained = new ClassCastException("the value is of class " + message.getClass().getTypeName()
                + ", and the serializer that value_type, value_serializer or the builder has chosen, "
                + serializer.getClass().getName() + ", takes " + taken.getTypeName());
        explained.initCause(e);
        return explained;
    }

    /**
     * Serializes a value. A null value or one of a wrong class is the caller's mistake, so its exception is passed on; other
     * failures are wrapped.
     */
    public byte[] serialize(T message, long handle) {
        try {
            byte[] value = serializer.serialize(Objects.requireNonNull(message, "message"));
            if (value == null) {
                throw Consequence.NOT_SENT.of(Reason.OTHER, "the serializer returned null", null);
            }
            return value;
        } catch (ClassCastException e) {
            Native.countError(handle);
            throw explained(e, message);
        } catch (SinetStreamException | NullPointerException e) {
            Native.countError(handle);
            throw e;
        } catch (Exception e) {
            Native.countError(handle);
            throw Consequence.NOT_SENT.of(Reason.OTHER, "the serializer failed: " + e.getClass().getName(), e);
        }
    }
}

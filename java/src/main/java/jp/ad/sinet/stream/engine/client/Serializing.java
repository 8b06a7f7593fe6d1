package jp.ad.sinet.stream.engine.client;

import java.util.Objects;

import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.engine.boundary.Native;

/** A writer's serializer, and what its failures are to the caller. */
public final class Serializing<T> {
    public final Serializer<T> serializer;

    public Serializing(Serializer<T> serializer) {
        this.serializer = serializer;
    }

    private ClassCastException explained(ClassCastException e, Object message) {
        Class<?> taken = ValueClass.takenBy(serializer);
        if (taken.isInstance(message)) {
            return e; // it is the serializer's own affair
        }
        ClassCastException explained = new ClassCastException("the value is of class " + message.getClass().getTypeName()
                + ", and the serializer that value_type, value_serializer or the builder has chosen, "
                + serializer.getClass().getName() + ", takes " + taken.getTypeName());
        explained.initCause(e);
        return explained;
    }

    /** A null value or one of a wrong class is the caller's mistake and shows as such; other failures are wrapped. */
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

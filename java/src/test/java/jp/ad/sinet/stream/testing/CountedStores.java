package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.Key;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.KeyStoreSpi;
import java.security.NoSuchAlgorithmException;
import java.security.Provider;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.util.Date;
import java.util.Enumeration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** Key stores of the type {@link #TYPE}: PKCS12, and it is counted how often one is opened, which may take its time. */
public final class CountedStores extends Provider {
    public static final String TYPE = "COUNTED";

    private static final long serialVersionUID = 1;
    private static final AtomicInteger OPENED = new AtomicInteger();
    private static volatile CountDownLatch gate = new CountDownLatch(0);

    public CountedStores() {
        super("CountedStores", "1", "for tests");
        put("KeyStore." + TYPE, Store.class.getName());
    }

    /** How often one was opened in this JVM. */
    public static int opened() {
        return OPENED.get();
    }

    /** No store opens before this latch does. */
    public static void hold(CountDownLatch until) {
        gate = until;
    }

    /** Made by the JDK. */
    public static final class Store extends KeyStoreSpi {
        private final KeyStore store;

        public Store() throws KeyStoreException {
            store = KeyStore.getInstance("PKCS12");
        }

        private interface Call<T> {
            T call() throws KeyStoreException;
        }

        private static <T> T checked(Call<T> call) {
            try {
                return call.call();
            } catch (KeyStoreException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public Key engineGetKey(String alias, char[] password) throws NoSuchAlgorithmException, UnrecoverableKeyException {
            try {
                return store.getKey(alias, password);
            } catch (KeyStoreException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public Certificate[] engineGetCertificateChain(String alias) {
            return checked(() -> store.getCertificateChain(alias));
        }

        @Override
        public Certificate engineGetCertificate(String alias) {
            return checked(() -> store.getCertificate(alias));
        }

        @Override
        public Date engineGetCreationDate(String alias) {
            return checked(() -> store.getCreationDate(alias));
        }

        @Override
        public void engineSetKeyEntry(String alias, Key key, char[] password, Certificate[] chain) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineSetKeyEntry(String alias, byte[] key, Certificate[] chain) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineSetCertificateEntry(String alias, Certificate certificate) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineDeleteEntry(String alias) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Enumeration<String> engineAliases() {
            return checked(store::aliases);
        }

        @Override
        public boolean engineContainsAlias(String alias) {
            return checked(() -> store.containsAlias(alias));
        }

        @Override
        public int engineSize() {
            return checked(store::size);
        }

        @Override
        public boolean engineIsKeyEntry(String alias) {
            return checked(() -> store.isKeyEntry(alias));
        }

        @Override
        public boolean engineIsCertificateEntry(String alias) {
            return checked(() -> store.isCertificateEntry(alias));
        }

        @Override
        public String engineGetCertificateAlias(Certificate certificate) {
            return checked(() -> store.getCertificateAlias(certificate));
        }

        @Override
        public void engineStore(OutputStream out, char[] password) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void engineLoad(InputStream in, char[] password)
                throws IOException, NoSuchAlgorithmException, CertificateException {
            OPENED.incrementAndGet();
            Await.opened(gate);
            store.load(in, password);
        }
    }
}

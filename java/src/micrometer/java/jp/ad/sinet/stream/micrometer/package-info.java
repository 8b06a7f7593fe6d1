/** Meters of Micrometer for the clients of SINETStream. */
package jp.ad.sinet.stream.micrometer;

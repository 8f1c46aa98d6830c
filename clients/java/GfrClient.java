import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A client of a gfr server, without dependencies (Java 17 and newer). Bodies and answers are JSON as text, so that it
 * goes with any JSON library. ../README.md has the calls. Thread safety: all calls.
 */
public final class GfrClient {
  /** An answer that is no success: its status (0: none came), and the server's own words. */
  public static final class GfrException extends IOException {
    private static final long serialVersionUID = 1L;
    private final int status;

    GfrException(int status, String message) {
      super(message);
      this.status = status;
    }

    public int status() {
      return status;
    }
  }

  private static final Set<Integer> AGAIN = Set.of(408, 429, 502, 503, 504);
  private final String url, token;
  private final Duration timeout;
  private final int retries;
  private final HttpClient client;

  /** @param token a bearer token; empty: none. @param timeout of a whole call with its retries. */
  public GfrClient(String url, String token, Duration timeout, int retries, HttpClient client) {
    this.url = url.replaceAll("/+$", "");
    this.token = token;
    this.timeout = timeout;
    this.retries = retries;
    this.client = client;
  }

  public GfrClient(String url, String token) {
    this(url, token, Duration.ofSeconds(30), 5,
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(5)).build());
  }

  /** Events as a JSON array; gives accepted, duplicates and rejected, also where all were rejected. */
  public String events(String json) throws IOException, InterruptedException {
    return call("POST", "/v1/events", json);
  }

  /** A feed. Give it a request_id: then one that is sent again is logged once. */
  public String feed(String json) throws IOException, InterruptedException {
    return call("POST", "/v1/feed", json);
  }

  /** A flag of OFREP; `context` is {"context":{"targetingKey":...}}. */
  public String evaluate(String flag, String context) throws IOException, InterruptedException {
    return call("POST", "/ofrep/v1/evaluate/flags/" + encoded(flag), context);
  }

  /** What lay behind a feed; needs the admin token. */
  public String explain(String requestId) throws IOException, InterruptedException {
    return call("GET", "/v1/explain/" + encoded(requestId), null);
  }

  public String status() throws IOException, InterruptedException {
    return call("GET", "/v1/status", null);
  }

  private static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private String call(String method, String path, String body) throws IOException, InterruptedException {
    final long end = System.nanoTime() + timeout.toNanos();
    for (int attempt = 0;; ++attempt) {
      int status = 0;
      long laterMs = 0;
      String words;
      try {
        final long left = Math.max(1, end - System.nanoTime());
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path)).timeout(Duration.ofNanos(left));
        if (!token.isEmpty()) request.header("Authorization", "Bearer " + token);
        if (body == null) {
          request.GET();
        } else {
          request.header("Content-Type", "application/json").method(method, HttpRequest.BodyPublishers.ofString(body));
        }
        HttpResponse<String> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
        status = answer.statusCode();
        words = answer.body();
        final boolean isList = answer.headers().firstValue("Content-Type").orElse("").startsWith("application/json");
        if (status / 100 == 2 || (status == 400 && isList && path.equals("/v1/events"))) return words;
        laterMs = answer.headers().firstValue("Retry-After").map(GfrClient::milliseconds).orElse(0L);
      } catch (IOException e) {
        words = String.valueOf(e.getMessage());
      }
      // Of two that wait equally long, one would come in the other's way again.
      final long wait = Math.max(laterMs, (long) (100 * Math.pow(2, attempt) * (0.5 + ThreadLocalRandom.current().nextDouble())));
      final boolean late = System.nanoTime() + wait * 1_000_000 > end;
      if ((status != 0 && !AGAIN.contains(status)) || attempt >= retries || late)
        throw new GfrException(status, method + " " + path + ": " + (status == 0 ? "no answer" : status) + ": " + words);
      Thread.sleep(wait);
    }
  }

  private static long milliseconds(String seconds) {
    try {
      return 1000 * Long.parseLong(seconds.trim());
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  private static int fnv1a32(String text) {
    int hash = 0x811c9dc5;
    for (int i = 0; i < text.length(); ++i) hash = (hash ^ text.charAt(i)) * 0x01000193;
    return hash;
  }

  /** The bucket of a unit by a salt, from 0 to below 1 in steps of 1/10000: the same as every gfr server's. */
  public static double bucket(String salt, String unit) {
    final String first = Integer.toUnsignedString(fnv1a32(salt + unit));
    return Integer.toUnsignedLong(fnv1a32(first)) % 10_000 / 10_000.0;
  }
}

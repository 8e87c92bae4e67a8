package io.github.showcard.sdk;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * The queue of a counter that checks without a network. What it is given is on the disk before {@link #add} returns;
 * {@link #push} tells the deployment when there is a network, and forgets what was settled. A check that was told and not
 * forgotten, because the power went, is told again: the deployment knows it.
 *
 * <pre>{@code
 * try (SettlementQueue queue = SettlementQueue.open(Path.of("counter.queue"))) {
 *   OfflineResult result = verifier.verify(scanned);
 *   queue.add(OfflineReport.of(scanned, result, "account-opening"));
 *   queue.push(client, (report, settled) -> settled.conflicts().forEach(why -> lookAgain(report, why)));
 * }
 * }</pre>
 *
 * <p>Safe for concurrent use; the file belongs to one queue at a time. The codes in it are as readable as they are on a screen: it
 * belongs on a disk that is encrypted. It is the same file that {@code verifier.OpenSettlement} of the Go SDK keeps.
 */
public final class SettlementQueue implements Closeable {
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
  private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);

  private final FileChannel file;
  private final Object pushing = new Object(); // one at a time
  private List<OfflineReport> waiting = new ArrayList<>();
  private IOException broken; // what is on the disk is not known any more

  private SettlementQueue(FileChannel file) {
    this.file = file;
  }

  /**
   * Opens a queue, with what waits in it. A last line that was cut off, when the power went, was of a check whose {@code add} did
   * not return.
   *
   * @param path which need not be there yet; its folder must
   * @throws IOException when it cannot be read, holds something else, or another program has it open
   */
  public static SettlementQueue open(Path path) throws IOException {
    if (path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      try {
        Files.createFile(path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      } catch (FileAlreadyExistsException e) {
        // from before
      }
    }
    FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    try {
      if (file.tryLock() == null) {
        throw new IOException("another program has the queue open");
      }
      SettlementQueue queue = new SettlementQueue(file);
      queue.read();
      return queue;
    } catch (OverlappingFileLockException e) {
      file.close();
      throw new IOException("the queue is open already", e);
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  /** Lines of JSON: a check that waits, or how many of the first that waited wait no longer. */
  private void read() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    ByteBuffer some = ByteBuffer.allocate(1 << 16);
    long end = 0;
    while (file.read(some.clear()) >= 0) {
      for (some.flip(); some.hasRemaining(); ) {
        byte b = some.get();
        if (b != '\n') {
          line.write(b);
          continue;
        }
        try {
          take(Json.parse(line.toByteArray(), 8));
        } catch (SyntaxException e) {
          throw new IOException("not a file of checks that wait: at byte " + end, e);
        }
        end += line.size() + 1L;
        line.reset();
      }
    }
    file.truncate(end).position(end);
  }

  private void take(Json line) throws SyntaxException {
    Long settled = line.get("settled") == null ? null : line.get("settled").integer();
    if (line.get("check") != null && settled == null) {
      waiting.add(OfflineReport.read(line.get("check")));
    } else if (line.get("check") == null && settled != null && settled > 0 && settled <= waiting.size()) {
      waiting.subList(0, settled.intValue()).clear();
    } else {
      throw new SyntaxException("neither a check nor a number of checks");
    }
  }

  /**
   * Puts a check into the queue. It is on the disk when this returns.
   *
   * @param report what was checked
   * @throws IOException when it could not be written; then open the queue anew
   */
  public synchronized void add(OfflineReport report) throws IOException {
    write(Collections.singletonMap("check", report.json()));
    waiting.add(report);
  }

  /** How many checks wait. */
  public synchronized int waiting() {
    return waiting.size();
  }

  /**
   * Tells the deployment what waits, the oldest first, until nothing does.
   *
   * @param client whose party made the checks
   * @param settled hears of each before it is forgotten; of one that was told and not forgotten it hears once more. What was refused
   *     will not be told again. Look at the conflicts
   * @throws ProblemException when the deployment cannot be reached, or asks to wait for more than a minute; what was settled before
   *     that is settled
   * @throws RefusedException {@code check-from-future}: this counter's clock is ahead of the deployment's. The checks wait
   * @throws IOException when the file cannot be written
   */
  public void push(Client client, BiConsumer<OfflineReport, SettledCheck> settled) throws IOException {
    synchronized (pushing) {
      for (List<OfflineReport> batch = next(); !batch.isEmpty(); batch = next()) {
        Settled answer = client.settle(batch);
        int done = 0;
        try {
          for (SettledCheck one : answer.checks()) {
            if (one.refusedFor("check-from-future")) {
              throw new RefusedException("check-from-future", "this counter's clock is ahead");
            }
            settled.accept(batch.get(done), one);
            done++;
          }
        } finally {
          forget(done);
        }
        if (done < batch.size()) {
          Duration wait = answer.retryAfter().filter(d -> d.compareTo(SHORTEST_PAUSE) > 0).orElse(SHORTEST_PAUSE);
          if (wait.compareTo(LONGEST_PAUSE) > 0) { // the day's quota, say
            throw ProblemException.later(wait);
          }
          client.pause(wait);
        }
      }
    }
  }

  private synchronized List<OfflineReport> next() {
    return new ArrayList<>(waiting.subList(0, Math.min(waiting.size(), Client.MAX_SETTLED)));
  }

  private synchronized void forget(int n) throws IOException {
    if (n == 0) {
      return;
    }
    write(Collections.singletonMap("settled", n));
    waiting = new ArrayList<>(waiting.subList(n, waiting.size()));
    if (waiting.isEmpty()) { // an empty queue is an empty file
      file.truncate(0);
    }
  }

  /** Appends a line. After an error nobody knows how much of it is on the disk. */
  private void write(Object line) throws IOException {
    if (broken != null) {
      throw new IOException("the queue could not be written before", broken);
    }
    try {
      ByteBuffer text = ByteBuffer.wrap((JsonText.of(line) + "\n").getBytes(StandardCharsets.UTF_8));
      for (file.position(file.size()); text.hasRemaining(); ) {
        file.write(text);
      }
      file.force(true);
    } catch (IOException e) {
      broken = e;
      throw e;
    }
  }

  /** Closes the file; what waits stays in it. */
  @Override
  public void close() throws IOException {
    file.close();
  }
}

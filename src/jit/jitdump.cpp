// perf's Documentation/jitdump-specification.txt: a header, then records; a function is one record, its lines are
// another before it. perf hears of the file by the executable mapping of it that lasts as long as the watcher.
#include <fmt/format.h>

#include <elf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>

#include <skep/code_watcher.hpp>

#include "jit/byte_writer.hpp"
#include "jit/tool_file.hpp"

namespace skep {
namespace {

#ifdef __aarch64__
constexpr std::uint32_t kMachine = EM_AARCH64;
#else
constexpr std::uint32_t kMachine = EM_X86_64;
#endif

struct Header {
  std::uint32_t magic = 0x4a695444;  // "JiTD"
  std::uint32_t version = 1;
  std::uint32_t bytes = sizeof(Header);
  std::uint32_t machine = kMachine;
  std::uint32_t pad = 0;
  std::uint32_t pid = 0;
  std::uint64_t time_ns = 0;
  std::uint64_t flags = 0;
};
static_assert(sizeof(Header) == 40);

enum class RecordKind : std::uint32_t { load = 0, close = 3, lines = 2 };

struct Record {
  RecordKind kind;
  std::uint32_t bytes = 0;  // of the whole record
  std::uint64_t time_ns = 0;
};

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Puts a record of what `fill` writes behind its head.
template <class Fill>
void put_record(jit::ByteWriter& out, RecordKind kind, Fill fill) {
  const std::size_t start = out.size();
  out.put(Record{kind, 0, now_ns()});
  fill();
  out.set(start + offsetof(Record, bytes), static_cast<std::uint32_t>(out.size() - start));
}

class JitDump final : public CodeWatcher {
 public:
  JitDump(jit::ToolFile file, void* mark) : file_(std::move(file)), mark_(mark) {}
  ~JitDump() override {
    jit::ByteWriter out;
    put_record(out, RecordKind::close, [] {});
    static_cast<void>(file_.append(out.bytes()));  // nobody is left to tell; readers do without
    munmap(mark_, 1);
  }

  Result<std::shared_ptr<const void>> appeared(const CodeNews& news) override {
    const std::scoped_lock lock(mutex_);
    jit::ByteWriter out;
    for (const CodeNews::Function& function : news.functions) {
      put_lines(out, news, function);
      put_code(out, news, function);
    }
    if (auto done = file_.append(out.bytes()); !done) return fail(std::move(done).error());
    return nullptr;
  }

 private:
  /// The line that holds where the function begins, and those that begin in it.
  static void put_lines(jit::ByteWriter& out, const CodeNews& news, const CodeNews::Function& function) {
    const auto base = reinterpret_cast<std::uint64_t>(news.bytes.data());
    const auto starts_after = [](std::uint32_t at, const CodeNews::Line& line) { return at < line.from_bytes; };
    auto first = std::upper_bound(news.lines.begin(), news.lines.end(), function.from_bytes, starts_after);
    if (first != news.lines.begin()) --first;
    const auto last = std::upper_bound(first, news.lines.end(), function.from_bytes + function.bytes - 1, starts_after);
    const auto count = std::count_if(first, last, [](const CodeNews::Line& line) { return line.line != 0; });
    if (count == 0) return;
    put_record(out, RecordKind::lines, [&] {
      out.put(base + function.from_bytes);
      out.put(static_cast<std::uint64_t>(count));
      for (auto line = first; line != last; ++line) {
        if (line->line == 0) continue;
        out.put(base + std::max(line->from_bytes, function.from_bytes));
        out.put(line->line);
        out.put(std::uint32_t{0});  // discriminator
        out.put_string(line->file);
      }
    });
  }

  void put_code(jit::ByteWriter& out, const CodeNews& news, const CodeNews::Function& function) {
    const auto code = news.bytes.subspan(function.from_bytes, function.bytes);
    const auto address = reinterpret_cast<std::uint64_t>(code.data());
    put_record(out, RecordKind::load, [&] {
      out.put(static_cast<std::uint32_t>(getpid()));
      out.put(static_cast<std::uint32_t>(syscall(SYS_gettid)));
      out.put(address);
      out.put(address);
      out.put(std::uint64_t{code.size()});
      out.put(next_index_++);
      out.put_string(function.name);
      out.put_bytes(code);
    });
  }

  std::mutex mutex_;  // indices go up in the file
  jit::ToolFile file_;
  void* mark_;
  std::uint64_t next_index_ = 0;
};

}  // namespace

Result<std::shared_ptr<CodeWatcher>> make_jitdump(const std::string& folder) {
  auto file = jit::ToolFile::open(fmt::format("{}/jit-{}.dump", folder, getpid()), false);
  if (!file) return fail(std::move(file).error());
  const Header header{.pid = static_cast<std::uint32_t>(getpid()), .time_ns = now_ns()};
  if (auto done = file->append(std::as_bytes(std::span(&header, 1))); !done) return fail(std::move(done).error());
  void* mark = mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, file->descriptor(), 0);
  if (mark == MAP_FAILED)
    return fail(ErrorCode::io, file->path(), std::string("cannot be mapped for execution: ") + std::strerror(errno),
                errno);
  return std::make_shared<JitDump>(std::move(*file), mark);
}

}  // namespace skep

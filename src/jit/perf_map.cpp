// "START SIZE NAME" a line, numbers in hex: perf's Documentation/jit-interface.txt.
#include <fmt/format.h>

#include <unistd.h>

#include <skep/code_watcher.hpp>

#include "jit/tool_file.hpp"

namespace skep {
namespace {

class PerfMap final : public CodeWatcher {
 public:
  explicit PerfMap(jit::ToolFile file) : file_(std::move(file)) {}

  Result<std::shared_ptr<const void>> appeared(const CodeNews& news) override {
    std::string lines;
    const auto base = reinterpret_cast<std::uintptr_t>(news.bytes.data());
    for (const CodeNews::Function& function : news.functions)
      lines += fmt::format("{:x} {:x} {}\n", base + function.from_bytes, function.bytes, function.name);
    if (auto done = file_.append(std::as_bytes(std::span(lines))); !done) return fail(std::move(done).error());
    return nullptr;
  }

 private:
  jit::ToolFile file_;  // its appends do not mix
};

}  // namespace

Result<std::shared_ptr<CodeWatcher>> make_perf_map() {
  auto file = jit::ToolFile::open(fmt::format("/tmp/perf-{}.map", getpid()), true);
  if (!file) return fail(std::move(file).error());
  return std::make_shared<PerfMap>(std::move(*file));
}

}  // namespace skep

// Lines go through stdio, so that they stay in order with what the command prints itself.
#include "cli/trace_host.hpp"

#include <cstdio>
#include <new>

namespace skep::cli {

TraceHost::TraceHost(bool keep) : process_(make_process_host({.trace_fd = -1})), keep_(keep) {}

void TraceHost::trace(const TraceLine& line) noexcept {
  ++count_;
  try {
    if (!keep_) {
      std::string text = format_trace_pipe(line);
      if (!text.ends_with('\n')) text += '\n';
      std::fwrite(text.data(), 1, text.size(), stdout);
    } else if (kept_.size() < kMaxKept) {
      kept_.emplace_back(line.text);
    }
  } catch (const std::bad_alloc&) {
    // A line is lost; a host may not throw, and the run is not over for that.
  }
}

}  // namespace skep::cli

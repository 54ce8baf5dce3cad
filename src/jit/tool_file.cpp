// Opening without following links, and asking who wrote last.
#include "jit/tool_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <utility>

namespace skep::jit {
namespace {

Error io_error(const std::string& path, int error) { return {ErrorCode::io, path, std::strerror(error), error}; }

/// Seconds of CLOCK_REALTIME; 0 when the system does not say.
double process_start() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The command's name may hold anything; 20 fields after its end stands the time, in ticks since the system's start.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 19; ++i) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return 0;
  timespec real{}, boot{};
  clock_gettime(CLOCK_REALTIME, &real);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  const auto seconds = [](const timespec& t) {
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  return seconds(real) - seconds(boot) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ToolFile::ToolFile(ToolFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

ToolFile::~ToolFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<ToolFile> ToolFile::open(const std::string& path, bool shared) {
  // Readable, too: perf is told of a jitdump by a mapping of it.
  ToolFile file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600), path);
  struct stat status {};
  if (file.descriptor_ < 0 || fstat(file.descriptor_, &status) != 0) return fail(io_error(path, errno));
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != geteuid())
    return fail(ErrorCode::io, path, "is not a file of this user's own", EPERM);
  if (status.st_size == 0) return file;
  constexpr double kClocksDiffer = 0.05;  // ticks are counted in hundredths of a second
  const double written =
      static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
  const bool ours = written + kClocksDiffer >= process_start();
  if (ours && !shared) return fail(ErrorCode::io, path, "this process writes it already", EEXIST);
  if (!ours && ftruncate(file.descriptor_, 0) != 0) return fail(io_error(path, errno));
  return file;
}

Result<void> ToolFile::append(std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(io_error(path_, errno));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace skep::jit

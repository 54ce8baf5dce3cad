// Opens files of types, and decides how their bytes come into the process.
//
// Only /sys is mapped: its bytes are the kernel's own and never change. A file that somebody could write to while it is
// in use would break what parsing has checked, so its types are read.
#include "api/target_types.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "api/files.hpp"
#include "btf/btf.hpp"
#include "loader/target_btf.hpp"

namespace skep {
namespace {

constexpr long kSysfs = 0x62656572;  // SYSFS_MAGIC

bool is_kernels_own(int file) {
  struct statfs system {};
  return fstatfs(file, &system) == 0 && static_cast<long>(system.f_type) == kSysfs;
}

/// The whole file, mapped; null where it cannot be (kernels before 6.16 refuse).
std::shared_ptr<const void> map_file(int file, std::size_t bytes) {
  void* const at = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (at == MAP_FAILED) return nullptr;
  return {at, [bytes](const void* start) { munmap(const_cast<void*>(start), bytes); }};
}

std::optional<std::vector<std::byte>> read_at(int file, std::uint64_t size, std::uint64_t offset, std::uint64_t bytes) {
  if (!in_bounds(offset, bytes, size)) return std::nullopt;
  std::vector<std::byte> part(bytes);
  for (std::uint64_t done = 0; done < bytes;) {
    const ssize_t got = pread(file, part.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<std::uint64_t>(got);
  }
  return part;
}

}  // namespace

Result<TypesPtr> load_types(const std::string& path, const TypesPtr& base) {
  const auto file = Descriptor::open_to_read(path);
  if (!file) return fail(file.error());
  struct stat facts {};
  if (fstat(file->number, &facts) != 0) return fail(ErrorCode::io, path, std::strerror(errno), errno);
  if (!S_ISREG(facts.st_mode)) {  // pipes have no places to read at; folders are refused there
    const auto bytes = read_file(path, loader::kMaxTargetBtfBytes);
    return bytes ? loader::parse_target_btf(*bytes, path, base) : fail(bytes.error());
  }
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (is_kernels_own(file->number) && size <= loader::kMaxTargetBtfBytes)
    if (const auto mapped = map_file(file->number, size); mapped != nullptr) {
      auto types = btf::Btf::parse_in_place({static_cast<const std::byte*>(mapped.get()), size}, mapped, base);
      if (types) return types;
      return fail(types.error().code, fmt::format("{}: {}", path, types.error().where), types.error().what);
    }
  const elf::ReadAt read = [&file, size](std::uint64_t offset, std::uint64_t bytes) {
    return read_at(file->number, size, offset, bytes);
  };
  return loader::parse_target_btf(read, size, path, base);
}

Result<std::vector<TypesPtr>> load_module_types(const std::string& folder, const TypesPtr& kernel) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> paths;
  for (fs::directory_iterator each(folder, error), end; !error && each != end; each.increment(error))
    if (each->path().filename() != "vmlinux") paths.push_back(each->path().string());
  if (error) return fail(ErrorCode::io, folder, error.message(), error.value());
  std::sort(paths.begin(), paths.end());
  std::vector<TypesPtr> modules;
  for (const std::string& path : paths) {
    auto types = load_types(path, kernel);
    if (!types && types.error().sys == ENOENT) continue;  // unloaded meanwhile
    if (!types) return fail(std::move(types).error());
    modules.push_back(std::move(*types));
  }
  return modules;
}

}  // namespace skep

// Reads the files that the options name, and asks uname(2) what kernel this is.
#include "api/surroundings.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "api/files.hpp"
#include "api/gzip.hpp"
#include "api/kernel_symbols.hpp"
#include "api/target_types.hpp"

namespace skep {
namespace {

constexpr const char* kHostModules = "/sys/kernel/btf";
constexpr const char* kHostSymbols = "/proc/kallsyms";
constexpr const char* kUbuntuVersion = "/proc/version_signature";  // "Ubuntu 6.8.0-31.31-generic 6.8.1"

bool exists(const std::string& path) {
  std::error_code unreadable;
  return std::filesystem::exists(path, unreadable);
}

Result<loader::KconfigText> read_kconfig(const std::string& path) {
  const auto bytes = read_file(path, loader::kMaxKconfigTextBytes);
  if (!bytes) return fail(bytes.error());
  if (is_gzip(*bytes)) {
    auto text = gunzip(*bytes, path, loader::kMaxKconfigTextBytes);
    if (!text) return fail(std::move(text).error());
    return loader::KconfigText{path, std::move(*text)};
  }
  return loader::KconfigText{path, std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size())};
}

/// Where the running kernel's configuration is; empty when it is nowhere.
std::string hosts_kconfig(const utsname& host) {
  for (std::string path : {fmt::format("/boot/config-{}", host.release), std::string("/proc/config.gz")})
    if (exists(path)) return path;
  return {};
}

/// LINUX_KERNEL_VERSION's encoding; the last number has one byte.
std::uint32_t version_code(unsigned major, unsigned minor, unsigned patch) {
  return (major << 16) + (minor << 8) + std::min(patch, 255u);
}

std::optional<std::uint32_t> parse_version(const char* text, const char* format) {
  unsigned major = 0, minor = 0, patch = 0;
  if (std::sscanf(text, format, &major, &minor, &patch) != 3) return std::nullopt;
  return version_code(major, minor, patch);
}

/// Of the running kernel. Debian and Ubuntu name the upstream version elsewhere than in the release.
std::optional<std::uint32_t> running_version(const utsname& host) {
  if (const auto signature = read_file(kUbuntuVersion, 4096)) {
    const std::string text(reinterpret_cast<const char*>(signature->data()), signature->size());
    if (const auto version = parse_version(text.c_str(), "%*s %*s %u.%u.%u")) return version;
  }
  if (const auto debian = std::string_view(host.version).find("Debian "); debian != std::string_view::npos)
    if (const auto version = parse_version(host.version + debian, "Debian %u.%u.%u")) return version;
  return parse_version(host.release, "%u.%u.%u");
}

/// Architectures whose system calls have wrappers, and since when.
struct Wrapper {
  std::string_view machine;
  std::uint32_t since;
};
constexpr std::array<Wrapper, 4> kWrappers{{
    {"x86_64", 4 << 16 | 17 << 8},
    {"aarch64", 4 << 16 | 19 << 8},
    {"s390x", 4 << 16 | 17 << 8},
    {"riscv64", 6 << 16 | 6 << 8},
}};
constexpr std::uint32_t kBpfCookieSince = 5 << 16 | 15 << 8;

/// Adds what libbpf finds out about the kernel, as far as the application says nothing else.
void add_kernel_facts(const utsname& host, std::map<std::string, ExternValue, std::less<>>& values) {
  if (const auto version = running_version(host)) values.try_emplace("LINUX_KERNEL_VERSION", *version);
  const auto given = values.find("LINUX_KERNEL_VERSION");
  const std::uint64_t* version = given == values.end() ? nullptr : given->second.number();
  if (version == nullptr) return;
  const auto has_wrapper = [&](const Wrapper& row) { return host.machine == row.machine && *version >= row.since; };
  values.try_emplace("LINUX_HAS_BPF_COOKIE", *version >= kBpfCookieSince);
  values.try_emplace("LINUX_HAS_SYSCALL_WRAPPER", std::any_of(kWrappers.begin(), kWrappers.end(), has_wrapper));
}

}  // namespace

Result<std::shared_ptr<const btf::Btf>> read_target_btf(const ObjectOptions& options) {
  const std::string& path = options.target_btf;
  if (path.empty() || (path == ObjectOptions::kHostBtf && !exists(path))) return nullptr;
  if (options.target_btf_base.empty()) return load_types(path);
  const auto base = load_types(options.target_btf_base);
  return base ? load_types(path, *base) : base;
}

loader::Surroundings surroundings_of(const ObjectOptions& options) {
  utsname host{};
  if (uname(&host) != 0) host = {};
  loader::Surroundings around;
  around.values = options.externs;
  around.sections = options.sections;
  add_kernel_facts(host, around.values);
  const std::string config = options.kconfig.value_or(hosts_kconfig(host));
  if (!config.empty()) around.kconfig = [config] { return read_kconfig(config); };
  const std::string symbols = options.kallsyms.value_or(kHostSymbols);
  if (!symbols.empty())
    around.symbols = [symbols](const loader::SeeSymbol& see) { return read_kernel_symbols(symbols, see); };
  const bool is_host = options.target_btf == ObjectOptions::kHostBtf;
  const std::string modules = options.target_btf_modules.value_or(is_host ? kHostModules : "");
  if (!modules.empty())
    around.module_types = [modules](const loader::Types& kernel) { return load_module_types(modules, kernel); };
  return around;
}

}  // namespace skep

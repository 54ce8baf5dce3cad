// A place is taken first, since the code depends on it; nothing is there until the code is. At no time are pages
// writable and executable. Sealed ones never are writable at all: they show a memfd that was written as a file, sealed
// against writing and then mapped shared, which a later mprotect cannot undo; a plain private mapping it could. A hint
// puts pages near the library, so that calls of helpers are relative; far pages work as well, the assembler then calls
// through a table.
#include "jit/code_memory.hpp"

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace skep::jit {
namespace {

constexpr std::size_t kStep = 64;         // a line of the cache: how loops are aligned must not depend on chance
constexpr std::size_t kLeastPlaces = 32;  // that code may begin at, however well it fills its pages
constexpr std::uint8_t kTrap = 0xcc;      // int3; no instruction of arm64 either

/// 32-bit displacements reach half of 4 GiB; the code itself and the library need some of it.
constexpr std::uint64_t kReach = std::uint64_t{1} << 30;

std::uint32_t random_number() noexcept {
  std::uint32_t number = 0;
  static_cast<void>(getrandom(&number, sizeof number, GRND_NONBLOCK));  // a number all the same when it fails
  return number;
}

void* map_at(std::uint64_t hint, std::size_t bytes) noexcept {
  void* pages = mmap(reinterpret_cast<void*>(hint), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

/// How pages of code are protected: where arm64 checks landing pads, indirect branches reach nothing else in them.
int code_protection() noexcept {
  int protection = PROT_READ | PROT_EXEC;
#if defined(__aarch64__) && defined(HWCAP2_BTI)
  constexpr int kLandingPads = 0x10;  // PROT_BTI
  if ((getauxval(AT_HWCAP2) & HWCAP2_BTI) != 0) protection |= kLandingPads;
#endif
  return protection;
}

/// The kernel takes a hint when the place is free. Tries some below and above, then takes what it gets.
void* map_near(std::uint64_t near, std::size_t bytes, std::size_t page) noexcept {
  for (std::uint64_t distance = kReach / 16; distance < kReach; distance += kReach / 8) {
    for (const std::uint64_t hint : {near - distance, near + distance}) {
      void* pages = map_at(hint & ~(page - 1), bytes);
      if (pages == nullptr) return nullptr;
      const std::uint64_t at = reinterpret_cast<std::uint64_t>(pages);
      if (at - near + kReach < 2 * kReach) return pages;
      munmap(pages, bytes);
    }
  }
  return map_at(0, bytes);
}

/// A file in memory with these contents that nobody can change; -1 where there is none.
int sealed_file(std::span<const std::byte> contents) noexcept {
  constexpr unsigned kMayRun = 0x10;  // MFD_EXEC, which kernels before 6.3 neither need nor know
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int file = memfd_create("skep-code", kFlags | kMayRun);
  if (file < 0 && errno == EINVAL) file = memfd_create("skep-code", kFlags);
  if (file < 0) return -1;
  // What is mapped already could still be written, but nothing is. F_SEAL_WRITE would keep kernels before 6.7 from
  // mapping it shared.
  constexpr int kFutureWrite = 0x10;  // F_SEAL_FUTURE_WRITE
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | kFutureWrite | F_SEAL_SEAL;
  if (write(file, contents.data(), contents.size()) == static_cast<ssize_t>(contents.size()) &&
      fcntl(file, F_ADD_SEALS, kSeals) == 0)
    return file;
  close(file);
  return -1;
}

}  // namespace

CodeMemory::CodeMemory(CodeMemory&& other) noexcept { *this = std::move(other); }

CodeMemory& CodeMemory::operator=(CodeMemory&& other) noexcept {
  std::swap(pages_, other.pages_);
  std::swap(mapped_, other.mapped_);
  std::swap(start_, other.start_);
  std::swap(bytes_, other.bytes_);
  std::swap(draft_, other.draft_);
  return *this;
}

CodeMemory::~CodeMemory() {
  if (pages_ != nullptr) munmap(pages_, mapped_);
}

Result<CodeMemory> CodeMemory::allocate(std::size_t bytes, std::uint64_t near, Start start) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  CodeMemory memory;
  // At least one step before and after: what reads next to a function's start stays inside.
  memory.mapped_ = (bytes + (kLeastPlaces + 2) * kStep + page - 1) / page * page;
  memory.pages_ = static_cast<std::byte*>(map_near(near, memory.mapped_, page));
  if (memory.pages_ == nullptr)
    return fail(ErrorCode::limit, "jit", std::string("no memory for code: ") + std::strerror(errno), errno);
  const std::size_t free_steps = (memory.mapped_ - bytes) / kStep - 1;
  memory.start_ = kStep * (1 + (start == Start::random ? random_number() % free_steps : 0));
  memory.bytes_ = bytes;
  memory.draft_.assign(memory.mapped_, std::byte{kTrap});
  return memory;
}

Result<void> CodeMemory::publish(Kind kind) {
  if (!(kind == Kind::sealed && map_sealed()) && !map_plain())
    return fail(ErrorCode::limit, "jit", std::string("code may not be made executable: ") + std::strerror(errno),
                errno);
  auto* first = reinterpret_cast<char*>(pages_ + start_);
  __builtin___clear_cache(first, first + bytes_);
  draft_ = {};
  return {};
}

bool CodeMemory::map_sealed() const noexcept {
  const int file = sealed_file(draft_);
  if (file < 0) return false;
  const void* pages = mmap(pages_, mapped_, code_protection(), MAP_SHARED | MAP_FIXED, file, 0);
  close(file);
  return pages == pages_;
}

bool CodeMemory::map_plain() const noexcept {
  // Anew, for a mapping of a file that failed may have taken away what was here.
  const void* pages = mmap(pages_, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (pages != pages_) return false;
  std::memcpy(pages_, draft_.data(), mapped_);
  return mprotect(pages_, mapped_, code_protection()) == 0;
}

}  // namespace skep::jit

// zlib does the work; here its output is bounded and its end is checked.
#include "api/gzip.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>
#include <zlib.h>

namespace skep {
namespace {

constexpr int kGzipOnly = 16;  // added to the window's bits: no other wrapping is taken

struct Stream {
  z_stream z{};
  bool ready = inflateInit2(&z, MAX_WBITS + kGzipOnly) == Z_OK;
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (ready) inflateEnd(&z);
  }
};

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

Result<std::string> gunzip(std::span<const std::byte> bytes, const std::string& path, std::size_t max_bytes) {
  Stream stream;
  if (!stream.ready || bytes.size() > std::numeric_limits<uInt>::max())
    return fail(ErrorCode::limit, path, "cannot be decompressed, no memory");
  z_stream& z = stream.z;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  std::array<char, 16384> chunk;
  for (;;) {
    z.next_out = reinterpret_cast<Bytef*>(chunk.data());
    z.avail_out = static_cast<uInt>(chunk.size());
    const int state = inflate(&z, Z_NO_FLUSH);
    text.append(chunk.data(), chunk.size() - z.avail_out);
    if (text.size() > max_bytes)
      return fail(ErrorCode::limit, path, fmt::format("holds more than the {} bytes of text allowed", max_bytes));
    if (state == Z_STREAM_END && z.avail_in == 0) return text;
    if (state == Z_STREAM_END && inflateReset(&z) == Z_OK) continue;  // another member follows
    if (state != Z_OK)
      return fail(ErrorCode::malformed, path,
                  fmt::format("compressed text is broken at byte {} of {}", z.total_in, bytes.size()));
  }
}

}  // namespace skep

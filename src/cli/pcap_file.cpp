// libpcap behind two values that close themselves.
#include "cli/pcap_file.hpp"

#include <pcap/pcap.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace skep::cli {
namespace {

constexpr int kSnapshotBytes = 262144;  // tcpdump's own; larger than any packet a program can leave

unsigned precision_of(bool nanoseconds) {
  return nanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO;
}

/// A classic capture with times in microseconds, by its first four bytes in either byte order.
bool counts_microseconds(std::FILE* file) {
  std::array<unsigned char, 4> magic{};
  const bool read = std::fread(magic.data(), 1, magic.size(), file) == magic.size();
  std::rewind(file);
  constexpr std::array<unsigned char, 4> kBig{0xa1, 0xb2, 0xc3, 0xd4}, kLittle{0xd4, 0xc3, 0xb2, 0xa1};
  return read && (magic == kBig || magic == kLittle);
}

}  // namespace

void PcapReader::Close::operator()(pcap* handle) const { pcap_close(handle); }
void PcapWriter::Close::operator()(pcap* handle) const { pcap_close(handle); }
void PcapWriter::Close::operator()(pcap_dumper* dumper) const { pcap_dump_close(dumper); }

Result<PcapReader> PcapReader::open(const std::string& path) {
  std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return fail(ErrorCode::io, path, std::strerror(errno), errno);
  const bool nanoseconds = path == "-" || !counts_microseconds(file);
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  pcap_t* handle = pcap_fopen_offline_with_tstamp_precision(file, precision_of(nanoseconds), message.data());
  if (handle == nullptr) {
    if (file != stdin) std::fclose(file);
    return fail(ErrorCode::malformed, path, message.data());
  }
  return PcapReader(path, handle);
}

CaptureFormat PcapReader::format() const {
  return {pcap_datalink(handle_.get()), pcap_get_tstamp_precision(handle_.get()) == PCAP_TSTAMP_PRECISION_NANO};
}

Result<bool> PcapReader::next(CapturedPacket& packet) {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int got = pcap_next_ex(handle_.get(), &header, &bytes);
  if (got == PCAP_ERROR_BREAK) return false;
  if (got != 1) return fail(ErrorCode::malformed, path_, pcap_geterr(handle_.get()));
  packet = {std::as_bytes(std::span(bytes, header->caplen)), header->ts.tv_sec, header->ts.tv_usec, header->len};
  return true;
}

Result<PcapWriter> PcapWriter::create(const std::string& path, const CaptureFormat& format) {
  pcap_t* handle =
      pcap_open_dead_with_tstamp_precision(format.link_type, kSnapshotBytes, precision_of(format.nanoseconds));
  if (handle == nullptr) return fail(ErrorCode::io, path, "out of memory", ENOMEM);
  PcapWriter writer(path, handle);
  writer.dumper_.reset(pcap_dump_open(handle, path.c_str()));
  if (writer.dumper_ == nullptr) return fail(ErrorCode::io, path, pcap_geterr(handle));
  return writer;
}

void PcapWriter::add(std::span<const std::byte> bytes, const CapturedPacket& like) {
  pcap_pkthdr header{};
  header.ts.tv_sec = like.seconds;
  header.ts.tv_usec = like.fraction;
  header.caplen = header.len = static_cast<bpf_u_int32>(bytes.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header, reinterpret_cast<const u_char*>(bytes.data()));
  ++packets_;
}

Result<void> PcapWriter::finish() {
  if (pcap_dump_flush(dumper_.get()) == 0 && std::ferror(pcap_dump_file(dumper_.get())) == 0) return {};
  return fail(ErrorCode::io, path_, std::strerror(errno), errno);
}

}  // namespace skep::cli

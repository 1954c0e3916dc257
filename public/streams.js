// The built site's modules come sorted, which compresses better: xtask/src/dist/streams.rs says how. This puts them in
// order. A module that is not sorted stays as it is.

// The kinds of bytes, in the order of their streams.
const [OPCODE, LOCAL, I32, OFFSET, CALL, INDIRECT, LABEL, TABLE, BLOCK, ALIGNMENT, LOCALS, I64, GLOBAL, FLOAT, SUM, ADDRESS, SLOT, OTHER] =
  Array(18).keys();
// log2 of the bytes that opcodes 0x28 to 0x3e access.
const NATURAL = "23230011001122232301012";
// What follows an opcode, if it is as many numbers from one stream: first and last opcode, stream, count.
const PLAIN = [
  [0x02, 0x04, BLOCK, 1],
  [0x0c, 0x0d, LABEL, 1],
  [0x11, 0x11, INDIRECT, 2],
  [0x20, 0x22, LOCAL, 1],
  [0x23, 0x24, GLOBAL, 1],
  [0x25, 0x26, OTHER, 1],
  [0x3f, 0x40, OTHER, 1],
  [0x42, 0x42, I64, 1],
  [0xd0, 0xd0, OTHER, 1],
  [0xd2, 0xd2, OTHER, 1],
];
const stream = new Uint8Array(256);
const count = new Uint8Array(256);
for (const [first, last, of, numbers] of PLAIN) {
  stream.fill(of, first, last + 1);
  count.fill(numbers, first, last + 1);
}

/** The module in order; `bytes` is an Uint8Array. */
export const inOrder = (bytes) => {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  // What is made grows with it.
  let out = new Uint8Array(bytes.length * 1.2 + 99);
  let to = 0;
  const room = (more) => {
    if (to + more <= out.length) return;
    const grown = new Uint8Array((to + more) * 1.5);
    grown.set(out);
    out = grown;
  };
  const write = (value) => {
    for (; value > 127; value >>>= 7) out[to++] = value | 128;
    out[to++] = value;
  };
  const copy = (from, end) => {
    room(end - from);
    out.set(bytes.subarray(from, end), to);
    to += end - from;
  };
  // Writes something, and before it how long it is.
  const measured = (something) => {
    const start = (to += 5);
    something();
    const end = to;
    to = start - 5;
    write(end - start);
    out.copyWithin(to, start, end);
    to += end - start;
  };

  const exports = () => {
    const written = number();
    const long = number();
    const from = at;
    at += long;
    const shared = number();
    room(long + shared * 9);
    write(written + shared);
    copy(from, from + long);
    let index = 0;
    for (let each = 0; each < shared; each++) {
      const name = `_${each.toString(36)}`;
      write(name.length);
      for (const letter of name) out[to++] = letter.charCodeAt();
      out[to++] = 0;
      write((index += number()));
    }
  };

  const code = () => {
    room(number() + 9);
    const imports = number();
    const bring = number();
    let nextSlot = number();
    // Functions so far that were not called.
    const uncalled = [];
    const places = Array.from({ length: 18 }, number);
    places.reduce((place, long, of) => ((places[of] = place), place + long), at);
    // Moves so many numbers; gives the last.
    const move = (of, numbers) => {
      let value = 0;
      for (let shift = 0; numbers > 0; shift += 7) {
        const byte = (out[to++] = bytes[places[of]++]);
        value |= (byte & 127) << shift;
        if (byte < 128 && --numbers > 0) {
          value = 0;
          shift = -7;
        }
      }
      return value;
    };
    const take = (of) => {
      const start = to;
      const value = move(of, 1);
      to = start;
      return value;
    };
    const called = (number) => {
      if (number < 0) return uncalled.pop();
      const place = uncalled.lastIndexOf(number);
      if (place >= 0) uncalled.splice(place, 1);
      return number;
    };
    const body = () => {
      for (let groups = move(LOCALS, 1); groups > 0; groups--) move(LOCALS, 2);
      for (let depth = 1; depth > 0; ) {
        const opcode = bytes[places[OPCODE]++];
        const aligned = opcode >= 0x28 && opcode <= 0x3e;
        if (aligned || (opcode >= 0xd7 && opcode <= 0xed)) {
          out[to++] = aligned ? opcode : opcode - 0xaf;
          if (aligned) out[to++] = NATURAL[opcode - 0x28];
          else move(ALIGNMENT, 1);
          move(OFFSET, 1);
          continue;
        }
        if (opcode === 0x06) {
          const difference = take(SLOT);
          let slot = nextSlot + (difference & 1 ? ~difference >> 1 : difference >> 1);
          if (slot >= nextSlot && slot < nextSlot + 8) nextSlot = slot + 1;
          out[to++] = 0x41;
          // Of a signed number the last byte has one bit less.
          for (; slot > 63; slot >>= 7) out[to++] = slot | 128;
          out[to++] = slot;
          out[to++] = 0x10;
          write(bring);
          out[to++] = 0x11;
          move(INDIRECT, 1);
          out[to++] = 0;
          continue;
        }
        if (opcode === 0x07) {
          out[to++] = 0x41;
          move(ADDRESS, 1);
          continue;
        }
        out[to++] = opcode;
        if (count[opcode]) move(stream[opcode], count[opcode]);
        else if (opcode === 0x0b) depth--;
        else if (opcode === 0x10) write(called(take(CALL) - 1));
        else if (opcode === 0x41) move((bytes[places[OPCODE]] | 1) === 0x6b ? SUM : I32, 1);
        else if (opcode === 0x0e) move(TABLE, move(TABLE, 1) + 1);
        else if (opcode === 0x1c) move(OTHER, move(OTHER, 1));
        else if (opcode === 0x43 || opcode === 0x44) {
          for (let left = opcode === 0x43 ? 4 : 8; left > 0; left--) out[to++] = bytes[places[FLOAT]++];
        } else if (opcode === 0xfc) {
          const operation = move(OTHER, 1);
          if (operation > 7) move(OTHER, operation > 14 || operation % 2 ? 1 : 2);
        }
        if (stream[opcode] === BLOCK && count[opcode]) depth++;
      }
    };
    const functions = move(LOCALS, 1);
    for (let each = 0; each < functions; each++) {
      measured(body);
      uncalled.push(imports + each);
    }
  };

  copy(0, at);
  while (at < bytes.length) {
    const begin = at;
    const id = bytes[at++];
    const long = number();
    const end = at + long;
    const name = id === 0 && String.fromCharCode(...bytes.subarray(at + 1, at + 8));
    at += 8;
    if (name === "streams" || name === "exports") {
      room(9);
      out[to++] = name === "streams" ? 10 : 7;
      measured(name === "streams" ? code : exports);
    } else {
      copy(begin, end);
    }
    at = end;
  }
  return out.subarray(0, to);
};

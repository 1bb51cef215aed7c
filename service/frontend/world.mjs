// The map of the world as the service draws it: outlines in one projection, with the codes of ISO
// 3166-1. A shape is no opinion on statehood; which of them is coloured is said by the graph.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { geoArea, geoCentroid, geoEqualEarth, geoPath } from "d3-geo";
import { iso31661 } from "iso-3166";
import { feature } from "topojson-client";
import { presimplify, quantile, simplify } from "topojson-simplify";

const WIDTH = 960;
const HEIGHT = 476;
const KEPT = 0.06; // the share of points that is kept: at the size of a page nobody sees more
const SMALL = 6; // square pixels; what is smaller needs a point to be seen
const APART = 5.8; // pixels from one point to the next
const LEAST = 0.5; // square pixels; an island that is smaller is left out, unless it is all there is

// Natural Earth's map at 1:50m leaves out one member State of the United Nations.
const MISSING = [{ code: "TUV", name: "Tuvalu", at: [179.2, -8.52] }];

const codes = new Map(iso31661.map(({ numeric, alpha3 }) => [numeric, alpha3]));

const round = (value) => Math.round(value * 10) / 10;

// Writes polygons as relative lines, a third shorter than absolute ones.
function written(polygons) {
  let text = "";
  for (const ring of polygons) {
    const points = ring.map(([x, y]) => [round(x), round(y)]);
    let [atX, atY] = points[0];
    text += `M${atX} ${atY}`;
    let moves = "";
    for (const [x, y] of points.slice(1)) {
      const dx = round(x - atX);
      const dy = round(y - atY);
      if (dx === 0 && dy === 0) continue;
      moves += `${moves && dx >= 0 ? " " : ""}${dx}${dy >= 0 ? " " : ""}${dy}`;
      [atX, atY] = [x, y];
    }
    text += moves ? `l${moves}z` : "z";
  }
  return text.replaceAll(/(^|[^\d])0\./g, "$1.");
}

class Rings {
  rings = [];
  beginPath() {}
  moveTo(x, y) {
    this.rings.push([[x, y]]);
  }
  lineTo(x, y) {
    this.rings.at(-1).push([x, y]);
  }
  arc() {}
  closePath() {}
}

function area(ring) {
  let twice = 0;
  for (let place = 0; place < ring.length; place += 1) {
    const [x, y] = ring[place];
    const [nextX, nextY] = ring[(place + 1) % ring.length];
    twice += x * nextY - nextX * y;
  }
  return Math.abs(twice) / 2;
}

// Moves points that would hide each other apart, by as little as needed; the same each time.
function parted(points) {
  for (let round = 0; round < 200; round += 1) {
    let moved = false;
    for (const [place, one] of points.entries())
      for (const other of points.slice(place + 1)) {
        const dx = other.x - one.x || 0.01;
        const dy = other.y - one.y;
        const far = Math.hypot(dx, dy);
        if (far >= APART) continue;
        const push = (APART - far) / 2 / far;
        one.x -= dx * push;
        one.y -= dy * push;
        other.x += dx * push;
        other.y += dy * push;
        moved = true;
      }
    if (!moved) break;
  }
}

export function world() {
  const file = createRequire(import.meta.url).resolve("world-atlas/countries-50m.json");
  const whole = presimplify(JSON.parse(readFileSync(file, "utf8")));
  const topology = simplify(whole, quantile(whole, KEPT));
  const projection = geoEqualEarth().fitExtent([[4, 4], [WIDTH - 4, HEIGHT - 4]], { type: "Sphere" });

  const drawn = (object) => {
    const context = new Rings();
    geoPath(projection, context)(object);
    return context.rings;
  };

  const shapes = [];
  for (const { id, properties, geometry } of feature(topology, topology.objects.countries).features) {
    if (!geometry) continue;
    const rings = drawn(geometry).filter((ring) => ring.length > 2);
    const areas = rings.map(area);
    const largest = Math.max(...areas, 0);
    const kept = rings.filter((_, place) => areas[place] >= LEAST || areas[place] === largest);
    const total = areas.reduce((sum, each) => sum + each, 0);
    // of islands far apart, the middle of the largest
    const parts = geometry.type === "MultiPolygon" ? geometry.coordinates : [geometry.coordinates];
    const main = parts
      .map((coordinates) => ({ type: "Polygon", coordinates }))
      .reduce((best, part) => (geoArea(part) > geoArea(best) ? part : best));
    const [x, y] = projection(geoCentroid(main));
    shapes.push({ code: codes.get(id) ?? "", name: properties.name, d: kept.length ? written(kept) : "", x, y, point: total < SMALL });
  }
  for (const { code, name, at } of MISSING) {
    const [x, y] = projection(at);
    shapes.push({ code, name, d: "", x, y, point: true });
  }
  // Two shapes of one code are one: the map has small islands by themselves.
  for (const shape of [...shapes]) {
    const first = shapes.find(({ code }) => code && code === shape.code);
    if (!first || first === shape) continue;
    const [larger, smaller] = first.d.length >= shape.d.length ? [first, shape] : [shape, first];
    larger.d += smaller.d;
    shapes.splice(shapes.indexOf(smaller), 1);
  }
  shapes.sort((one, other) => (one.code + one.name < other.code + other.name ? -1 : 1));
  parted(shapes.filter(({ point }) => point));
  return {
    width: WIDTH,
    height: HEIGHT,
    source: "Natural Earth",
    outline: written(drawn({ type: "Sphere" })),
    shapes: shapes.map((shape) => ({ ...shape, x: round(shape.x), y: round(shape.y) })),
  };
}
